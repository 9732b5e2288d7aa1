{{/*
Names, labels and the image. Everything is named opsbuddy-operator whatever the release is called: there is one operator for a
namespace, and one for the cluster. A second release of the same scope is refused by Helm, because the name is taken.
*/}}
{{- define "opsbuddy-operator.name" -}}opsbuddy-operator{{- end }}

{{- define "opsbuddy-operator.selector" -}}
app.kubernetes.io/name: opsbuddy-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "opsbuddy-operator.labels" -}}
{{ include "opsbuddy-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: opsbuddy
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "opsbuddy-operator-%s" .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- define "opsbuddy-operator.account" -}}
{{- .Values.serviceAccount.name | default (include "opsbuddy-operator.name" .) }}
{{- end }}

{{- define "opsbuddy-operator.image" -}}
{{- $repository := .Values.image.repository }}
{{- with .Values.global.imageRegistry }}{{ $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}{{ end }}
{{- with .Values.image.digest }}{{ $repository }}@{{ . }}{{ else }}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* A second entry of one name would win for now, and an upgrade that takes it out again takes the first one with it. */}}
{{- define "opsbuddy-operator.extraEnv" -}}
{{- $set := list "SERVICE_PORT" "LOG_LEVEL" "ANALYTICS_URL" "WORKERS" "WATCH_NAMESPACES" "POD_NAME" "POD_NAMESPACE" }}
{{- range .Values.extraEnv }}
{{- if has .name $set }}
{{- fail (printf "\n\nextraEnv names %s, which the chart sets already or which is there twice. Leave it out: what the chart sets follows from its other values.\n" .name) }}
{{- end }}
{{- $set = append $set .name }}
{{- end }}
{{- with .Values.extraEnv }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "opsbuddy-operator.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}
