{{/* What the values under `tracing` come to for every service, as a JSON list of environment variables. What would have no effect is refused. */}}
{{- define "opsbuddy.tracing" -}}
{{- $tracing := .Values.tracing }}
{{- $env := list }}
{{- if and (not $tracing.endpoint) (or $tracing.headers.existingSecret $tracing.sampler) }}
{{- fail "\n\ntracing.headers and tracing.sampler need tracing.endpoint: without it no traces are made.\n" }}
{{- end }}
{{- if and $tracing.samplerArgument (not (hasSuffix "traceidratio" $tracing.sampler)) }}
{{- fail "\n\ntracing.samplerArgument needs tracing.sampler traceidratio or parentbased_traceidratio.\n" }}
{{- end }}
{{- with $tracing.endpoint }}{{ $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .) }}{{ end }}
{{- with $tracing.headers.existingSecret }}
{{- $env = append $env (include "opsbuddy.fromSecret" (list "OTEL_EXPORTER_OTLP_HEADERS" . $tracing.headers.key) | fromJson) }}
{{- end }}
{{- with $tracing.sampler }}{{ $env = append $env (dict "name" "OTEL_TRACES_SAMPLER" "value" .) }}{{ end }}
{{- with $tracing.samplerArgument }}{{ $env = append $env (dict "name" "OTEL_TRACES_SAMPLER_ARG" "value" .) }}{{ end }}
{{- $env | toJson }}
{{- end }}
