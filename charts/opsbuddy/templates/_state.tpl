{{/*
What the values database, objectStore, sealingKeys and sessionKeys of a service come to, as a JSON list of environment variables: (list $ "name" $service).
*/}}
{{- define "opsbuddy.state" -}}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
{{- $database := $service.database | default dict }}
{{- $store := $service.objectStore | default dict }}
{{- $sealing := $service.sealingKeys | default dict }}
{{- $env := list }}
{{- if and $database.existingSecret (has $name (list "analytics-service" "timeseries-service")) }}
{{- fail (printf "\n\nservices.%s.database has no use: this service keeps its state on its own volume, and in InfluxDB.\n" $name) }}
{{- end }}
{{- if and $database.existingSecret (hasKey $service "sealingKeys") (not $sealing.existingSecret) }}
{{- fail (printf "\n\nservices.%s.database needs services.%s.sealingKeys: without keys of yours each pod seals secret configurations with one of its own, which goes with the pod.\n" $name $name) }}
{{- end }}
{{- if and $store.existingSecret (not $store.url) }}
{{- fail (printf "\n\nservices.%s.objectStore.existingSecret needs services.%s.objectStore.url.\n" $name $name) }}
{{- end }}
{{- with $database.existingSecret }}
{{- $env = append $env (include "opsbuddy.fromSecret" (list "DATABASE_URL" . $database.key) | fromJson) }}
{{- end }}
{{- with $store.url }}{{ $env = append $env (dict "name" "OBJECT_STORE_URL" "value" .) }}{{ end }}
{{- with $store.endpoint }}{{ $env = append $env (dict "name" "AWS_ENDPOINT_URL" "value" .) }}{{ end }}
{{- with $store.region }}{{ $env = append $env (dict "name" "AWS_REGION" "value" .) }}{{ end }}
{{- with $store.existingSecret }}
{{- $env = append $env (include "opsbuddy.fromSecret" (list "AWS_ACCESS_KEY_ID" . $store.accessKeyIdKey) | fromJson) }}
{{- $env = append $env (include "opsbuddy.fromSecret" (list "AWS_SECRET_ACCESS_KEY" . $store.secretAccessKeyKey) | fromJson) }}
{{- end }}
{{- with $sealing.existingSecret }}
{{- $env = append $env (include "opsbuddy.fromSecret" (list "SECRET_KEYS" . $sealing.key) | fromJson) }}
{{- end }}
{{- with ($service.sessionKeys | default dict).existingSecret }}
{{- $env = append $env (include "opsbuddy.fromSecret" (list "SESSION_KEYS" . $service.sessionKeys.key) | fromJson) }}
{{- end }}
{{- $env | toJson }}
{{- end }}

{{- define "opsbuddy.fromSecret" -}}
{{- dict "name" (index . 0) "valueFrom" (dict "secretKeyRef" (dict "name" (index . 1) "key" (index . 2))) | toJson }}
{{- end }}

{{/* "shared" when every pod of a service finds the same state: (list $ "name" $service). Then it needs no volume. */}}
{{- define "opsbuddy.shared" -}}
{{- $service := index . 2 }}
{{- if and (hasKey $service "database") $service.database.existingSecret (or (not (hasKey $service "objectStore")) $service.objectStore.url) }}shared{{ end }}
{{- end }}

{{/* Refuse several pods of a web UI where people sign in, unless they share their keys: each would know only its own sessions: (list $ "name" $service). */}}
{{- define "opsbuddy.oneSession" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
{{- $most := int ($service.spec.replicas | default 1) }}
{{- with $service.spec.autoscaling }}{{ $most = int (.maxReplicas | default 1) }}{{ end }}
{{- $given := or $service.sessionKeys.existingSecret (hasKey ($service.env | default dict) "SESSION_KEYS") }}
{{- range $service.spec.env }}{{ if eq .name "SESSION_KEYS" }}{{ $given = true }}{{ end }}{{ end }}
{{- if and (gt $most 1) $root.Values.gateway.authentication.required (not $given) }}
{{- fail (printf "\n\nservices.%s has several pods and gateway.authentication.required: set services.%s.sessionKeys.existingSecret, or who signs in at one pod is a stranger to the next.\n" $name $name) }}
{{- end }}
{{- end }}

{{/* Refuse several pods of a service that keeps its state on its own disk: each would have a truth of its own: (list $ "name" $service). */}}
{{- define "opsbuddy.onePod" -}}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
{{- $spec := $service.spec }}
{{- $most := int ($spec.replicas | default 1) }}
{{- with $spec.autoscaling }}{{ $most = int (.maxReplicas | default 1) }}{{ end }}
{{- $keeps := or $spec.storage (get ($service.env | default dict) "DATA_DIR") }}
{{- if and $keeps (gt $most 1) (not (include "opsbuddy.shared" .)) }}
{{- $way := "it is made for one" }}
{{- if hasKey $service "objectStore" }}{{ $way = printf "set services.%s.database.existingSecret and services.%s.objectStore.url" $name $name }}
{{- else if hasKey $service "database" }}{{ $way = printf "set services.%s.database.existingSecret" $name }}{{ end }}
{{- fail (printf "\n\nservices.%s keeps its state on a volume of its own, which one pod alone can have: %s, or leave replicas at 1 and autoscaling out.\n" $name $way) }}
{{- end }}
{{- end }}
