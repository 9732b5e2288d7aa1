{{/* Where InfluxDB is, as JSON: host, port, org, bucket, secret; {} when the services keep everything themselves. */}}
{{- define "opsbuddy.influxdb" -}}
{{- $influx := .Values.influxdb }}
{{- $external := $influx.external }}
{{- if and $influx.enabled (or $external.host $external.existingSecret) }}
{{- fail "\n\ninfluxdb.external has no effect while influxdb.enabled is true: set influxdb.enabled=false, or leave influxdb.external.host and existingSecret empty.\n" }}
{{- end }}
{{- if and $external.existingSecret (not $external.host) }}
{{- fail "\n\ninfluxdb.external.existingSecret needs influxdb.external.host: without it the services keep logs and metrics themselves.\n" }}
{{- end }}
{{- if and $influx.persistence.existingClaim (not $influx.persistence.enabled) }}
{{- fail "\n\ninfluxdb.persistence.existingClaim needs influxdb.persistence.enabled: without it the data go with the pod.\n" }}
{{- end }}
{{- if $influx.enabled }}
{{- dict "host" "influxdb" "port" 8086 "org" $influx.org "bucket" $influx.bucket "secret" (include "opsbuddy.influxdb.secret" .) | toJson }}
{{- else if $influx.external.host }}
{{- $secret := required "\n\ninfluxdb.external.host needs influxdb.external.existingSecret: the name of a Secret whose key admin-token is the token.\n" $influx.external.existingSecret }}
{{- dict "host" $influx.external.host "port" $influx.external.port "org" $influx.external.org "bucket" $influx.external.bucket "secret" $secret | toJson }}
{{- else }}{}{{ end }}
{{- end }}

{{- define "opsbuddy.influxdb.secret" -}}{{ .Values.influxdb.auth.existingSecret | default "influxdb-auth" }}{{- end }}

{{- define "opsbuddy.influxdb.selector" -}}
app.kubernetes.io/name: influxdb
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "opsbuddy.influxdb.labels" -}}
app.kubernetes.io/name: influxdb
app.kubernetes.io/component: database
{{ include "opsbuddy.labels" . }}
{{- end }}

{{/* A second entry of one name would win for now, and an upgrade that takes it out again takes the first one with it. */}}
{{- define "opsbuddy.influxdb.extraEnv" -}}
{{- $set := list "INFLUXD_HTTP_BIND_ADDRESS" "INFLUXD_BOLT_PATH" "INFLUXD_SQLITE_PATH" "INFLUXD_ENGINE_PATH" "INFLUXD_REPORTING_DISABLED" "HOME" }}
{{- range .Values.influxdb.extraEnv }}
{{- if has .name $set }}
{{- fail (printf "\n\ninfluxdb.extraEnv names %s, which the chart sets already or which is there twice. Leave it out.\n" .name) }}
{{- end }}
{{- $set = append $set .name }}
{{- end }}
{{- with .Values.influxdb.extraEnv }}{{ toYaml . }}{{ end }}
{{- end }}
