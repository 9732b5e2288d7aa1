"""The tables of the journal, as scripts that are applied once each and in order. A script that has shipped is never changed."""

FIRST = """
CREATE TABLE logs (
  time INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, level TEXT NOT NULL, logger TEXT NOT NULL, message TEXT NOT NULL, service TEXT NOT NULL,
  operation TEXT, data TEXT, request_id TEXT, trace_id TEXT, event_id TEXT NOT NULL,
  received INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX by_service ON logs (service, level, time);
CREATE INDEX by_arrival ON logs (received);
CREATE INDEX waiting ON logs (time) WHERE state = 0;
CREATE TABLE events (service TEXT, event_id TEXT, seen INTEGER NOT NULL, PRIMARY KEY (service, event_id)) WITHOUT ROWID;
CREATE INDEX by_age ON events (seen);
CREATE TABLE counts (minute INTEGER, service TEXT, level TEXT, logs INTEGER NOT NULL, PRIMARY KEY (minute, service, level)) WITHOUT ROWID;
CREATE TABLE dead (time INTEGER PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('horizon', 0)
"""

# Logs get a number in the order of their arrival: how far forwarding and indexing have come is one number each then, not a mark on every log.
NUMBERED = """
ALTER TABLE logs RENAME TO unnumbered;
DROP INDEX by_service; DROP INDEX by_arrival; DROP INDEX waiting;
CREATE TABLE logs (
  time INTEGER PRIMARY KEY, number INTEGER NOT NULL, timestamp INTEGER NOT NULL, level TEXT NOT NULL, logger TEXT NOT NULL, message TEXT NOT NULL,
  service TEXT NOT NULL, operation TEXT, data TEXT, request_id TEXT, trace_id TEXT, event_id TEXT NOT NULL, received INTEGER NOT NULL
);
INSERT INTO logs SELECT time, row_number() OVER (ORDER BY state = 0, received, time), timestamp, level, logger, message,
  service, operation, data, request_id, trace_id, event_id, received FROM unnumbered;
INSERT INTO state SELECT 'forwarded', count(*) FROM unnumbered WHERE state != 0;
INSERT INTO state VALUES ('indexed', 0);
INSERT INTO state SELECT 'given', count(*) FROM unnumbered;
DROP TABLE unnumbered;
CREATE UNIQUE INDEX by_number ON logs (number);
CREATE INDEX by_service ON logs (service, level, time);
ALTER TABLE dead ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
CREATE TABLE requests (key TEXT PRIMARY KEY, body BLOB NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(message, content='', columnsize=0, detail=none, tokenize='trigram');
CREATE VIRTUAL TABLE ids USING fts5(hashes, content='', columnsize=0, detail=none)
"""

# Segments of the indexes are merged in turns of their own: left to itself an insert may merge for tens of milliseconds while senders wait.
MERGED_APART = """
INSERT INTO words (words, rank) VALUES ('automerge', 0);
INSERT INTO ids (ids, rank) VALUES ('automerge', 0)
"""

# Eight segments become one: two thirds of the work of four, and a word is looked for in twice as many. An insert merges of its own accord only when
# turns have not come to it for long.
EIGHT_BECOME_ONE = """
INSERT INTO words (words, rank) VALUES ('usermerge', 8);
INSERT INTO ids (ids, rank) VALUES ('usermerge', 8);
INSERT INTO words (words, rank) VALUES ('crisismerge', 64);
INSERT INTO ids (ids, rank) VALUES ('crisismerge', 64)
"""

MIGRATIONS = (FIRST, NUMBERED, MERGED_APART, EIGHT_BECOME_ONE)
