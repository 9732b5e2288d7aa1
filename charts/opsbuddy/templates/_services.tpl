{{/*
The environment of a service as JSON, from its `env`, where InfluxDB is, and its `spec.env`; what comes later in this list wins:
(list $ $service)
*/}}
{{- define "opsbuddy.env" -}}
{{- $root := index . 0 }}
{{- $service := index . 1 }}
{{- $influx := ternary (include "opsbuddy.influxdb" $root | fromJson) dict (default false $service.influxdb) }}
{{- $variables := dict }}
{{- with $influx }}
{{- $variables = dict "INFLUXDB_HOST" .host "INFLUXDB_PORT" .port "INFLUXDB_ORG" .org "INFLUXDB_DATABASE" .bucket }}
{{- end }}
{{- if eq ($service.spec.role | default "Service") "Gateway" }}
{{- with include "opsbuddy.checks" $root }}{{ $_ := set $variables "EXTRA_CHECKS" . }}{{ end }}
{{- end }}
{{- $variables = mergeOverwrite $variables ($service.env | default dict) }}
{{- $last := $service.spec.env | default list }}
{{- $taken := list }}
{{- range $last }}{{ $taken = append $taken .name }}{{ end }}
{{- $env := list }}
{{- range $name, $value := $variables }}
{{- if not (or (kindIs "invalid" $value) (has $name $taken)) }}
{{- $env = append $env (dict "name" $name "value" (kindIs "string" $value | ternary $value (toJson $value))) }}
{{- end }}
{{- end }}
{{- if and $influx (not (or (has "INFLUXDB_TOKEN" $taken) (hasKey $variables "INFLUXDB_TOKEN"))) }}
{{- $env = append $env (dict "name" "INFLUXDB_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" $influx.secret "key" "admin-token"))) }}
{{- end }}
{{- concat $env $last | toJson }}
{{- end }}

{{/* What a gateway is to check besides what it routes: name=URL, with commas between them. */}}
{{- define "opsbuddy.checks" -}}
{{- $checks := list }}
{{- range $name, $service := .Values.services }}
{{- if and $service.enabled (not $service.spec.route) (ne ($service.spec.role | default "Service") "Gateway") }}
{{- $checks = append $checks (printf "%s=http://%s:%v/health" $name $name $service.spec.port) }}
{{- end }}
{{- end }}
{{- if .Values.influxdb.enabled }}{{ $checks = append $checks "influxdb=http://influxdb:8086/health" }}{{ end }}
{{- join "," $checks }}
{{- end }}
