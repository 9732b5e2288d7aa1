{{/* Where InfluxDB is, as JSON: host, port, org, bucket, secret; {} when the services keep everything themselves. */}}
{{- define "opsbuddy.influxdb" -}}
{{- $influx := .Values.influxdb }}
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
