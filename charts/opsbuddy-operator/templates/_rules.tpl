{{/*
What the operator may do where it serves. Server-side apply needs create and patch. No list and no watch on Secrets: it reads those
that a resource names, by name, to roll pods when one changes. No delete of claims: it never removes data. It grants endpoint slices and
ConfigMaps to gateways and OpsBuddyServices to consoles, so it holds them.
*/}}
{{- define "opsbuddy-operator.rules" -}}
- apiGroups: [opsbuddy.dev]
  resources: [opsbuddyservices]
  verbs: [get, list, watch]
- apiGroups: [opsbuddy.dev]
  resources: [opsbuddyservices/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "opsbuddy-operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "opsbuddy-operator.account" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
