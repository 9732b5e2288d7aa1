{{/*
The environment of a service as JSON, from what the chart knows of gateway, stores and tracing, its `env`, and its `spec.env`; what comes later in
this list wins: (list $ "name" $service). Where InfluxDB is comes from a ConfigMap (opsbuddy.envFrom), so each of its variables can be set here.
*/}}
{{- define "opsbuddy.env" -}}
{{- $root := index . 0 }}
{{- $service := index . 2 }}
{{- $gateway := eq ($service.spec.role | default "Service") "Gateway" }}
{{- $influx := ternary (include "opsbuddy.influxdb" $root | fromJson) dict (and (default false $service.influxdb) (not $gateway)) }}
{{- $variables := dict }}
{{- if $gateway }}
{{- $variables = (include "opsbuddy.gateway" $root | fromJson).env }}
{{- with include "opsbuddy.checks" $root }}{{ $_ := set $variables "EXTRA_CHECKS" . }}{{ end }}
{{- end }}
{{- $variables = mergeOverwrite $variables (include "opsbuddy.gateway.known" (list $root $service) | fromJson).env }}
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
{{- range concat (include "opsbuddy.state" . | fromJsonArray) (include "opsbuddy.tracing" $root | fromJsonArray) }}
{{- if not (or (has .name $taken) (hasKey $variables .name)) }}{{ $env = append $env . }}{{ end }}
{{- end }}
{{- if and $influx (not (or (has "INFLUXDB_TOKEN" $taken) (hasKey $variables "INFLUXDB_TOKEN"))) }}
{{- $env = append $env (dict "name" "INFLUXDB_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" $influx.secret "key" "admin-token" "optional" true))) }}
{{- end }}
{{- concat $env $last | toJson }}
{{- end }}

{{/* Where a service finds the address of InfluxDB, as JSON; a `spec.envFrom` wins over it: (list $ $service). */}}
{{- define "opsbuddy.envFrom" -}}
{{- $root := index . 0 }}
{{- $service := index . 1 }}
{{- $sources := $service.spec.envFrom | default list }}
{{- if and $service.influxdb (include "opsbuddy.influxdb" $root | fromJson) }}
{{- $sources = prepend $sources (dict "configMapRef" (dict "name" "influxdb" "optional" true)) }}
{{- end }}
{{- $sources | toJson }}
{{- end }}

{{/* What a gateway is to check besides what it routes: name=URL, with commas between them. */}}
{{- define "opsbuddy.checks" -}}
{{- $checks := list }}
{{- range $name, $service := .Values.services }}
{{- if and $service.enabled (not $service.spec.route) (ne ($service.spec.role | default "Service") "Gateway") }}
{{- $checks = append $checks (printf "%s=%s://%s:%v/health" $name (include "opsbuddy.protocol" (list $ $service) | lower) $name $service.spec.port) }}
{{- end }}
{{- end }}
{{- join "," $checks }}
{{- end }}
