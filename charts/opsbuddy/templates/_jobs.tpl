{{/* The frame of a short-lived pod that runs one script of files/: (dict "root" $ "script" "name.py" "scripts" "name of its ConfigMap" "env" (list ...) "account" "" "authority" (dict "name" "Secret" "key" "in it")) */}}
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
    image: {{ printf "%s%s" (include "opsbuddy.repository" (list $root $root.Values.jobs.image.repository)) (include "opsbuddy.version" (list $root.Values.jobs.image $root.Chart.AppVersion)) | quote }}
    imagePullPolicy: {{ $root.Values.jobs.image.pullPolicy | quote }}
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
      {{- if .authority }}
      - name: authority
        mountPath: /authority
        readOnly: true
      {{- end }}
volumes:
  - name: scripts
    configMap:
      name: {{ .scripts }}
  {{- with .authority }}
  - name: authority
    secret:
      secretName: {{ .name | quote }}
      items:
        - key: {{ .key | quote }}
          path: {{ .key | quote }}
  {{- end }}
{{- with $root.Values.jobs.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.jobs.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
