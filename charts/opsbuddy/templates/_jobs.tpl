{{/* The frame of a short-lived pod that runs one script of files/: (dict "root" $ "script" "name.py" "env" (list ...) "account" "") */}}
{{- define "opsbuddy.scriptPod" -}}
{{- $root := .root -}}
restartPolicy: Never
enableServiceLinks: false
{{- if .account }}
serviceAccountName: {{ .account }}
{{- end }}
automountServiceAccountToken: {{ not (empty .account) }}
{{- with include "opsbuddy.pullSecrets" $root }}
{{- . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: script
    image: {{ include "opsbuddy.repository" (list $root $root.Values.jobs.image.repository) }}:{{ $root.Values.jobs.image.tag | default $root.Chart.AppVersion }}
    imagePullPolicy: {{ $root.Values.jobs.image.pullPolicy }}
    command: [python, /scripts/{{ .script }}]
    {{- with .env }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    resources:
      {{- toYaml $root.Values.jobs.resources | nindent 6 }}
    volumeMounts:
      - name: scripts
        mountPath: /scripts
        readOnly: true
volumes:
  - name: scripts
    configMap:
      name: {{ .scripts }}
{{- end }}
