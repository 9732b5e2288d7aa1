{{/*
Labels and images. Objects have fixed names (influxdb, gateway, ...): the services find each other by them, so a namespace holds one stack.
*/}}
{{- define "opsbuddy.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: opsbuddy
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* The repository of an OpsBuddy image with the global registry: (list $ "opsbuddy-gateway") */}}
{{- define "opsbuddy.repository" -}}
{{- $root := index . 0 }}
{{- with $root.Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end }}{{ index . 1 }}
{{- end }}

{{/* What follows the repository: (list .image "default tag") */}}
{{- define "opsbuddy.version" -}}
{{- $image := index . 0 }}
{{- with $image.digest }}@{{ . }}{{ else }}:{{ $image.tag | default (index . 1) }}{{ end }}
{{- end }}

{{- define "opsbuddy.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* "owned elsewhere" when an object that is to be kept is there and no part of this release: it is used as it is. */}}
{{- define "opsbuddy.foreign" -}}
{{- $root := index . 0 }}
{{- with (index . 1).metadata }}
{{- $annotations := .annotations | default dict }}
{{- $owner := printf "%s/%s" (index $annotations "meta.helm.sh/release-namespace" | default "") (index $annotations "meta.helm.sh/release-name" | default "") }}
{{- if ne $owner (printf "%s/%s" $root.Release.Namespace $root.Release.Name) }}owned elsewhere{{ end }}
{{- end }}
{{- end }}
