"""A believable day, with one incident in it: what a platform would have to show that has been on call for a while.

story    when what happened, and how busy it was: the one truth that everything else is told from
logs     the lines that services wrote
metrics  the points that they sent
files, configs  what people left behind
fill     sends it all through the gateway
"""
