{{/*
What the values under `gateway` come to, as JSON: env (name to value) and secrets (entries of spec.secrets) of every service of role Gateway.
Secrets are files: the gateway reads them again when they change, so none of them rolls its pods. What cannot work, or would have no
effect where somebody counts on one, is refused.
*/}}
{{- define "opsbuddy.gateway" -}}
{{- $access := .Values.gateway }}
{{- $jwt := $access.jwt }}
{{- $jwks := $jwt.jwks }}
{{- $env := dict }}
{{- $keys := dict }}
{{- $secret := or $jwt.existingSecret "" }}
{{- $public := or $jwks.url $jwks.existingSecret }}
{{- if and $jwks.url $jwks.existingSecret }}
{{- fail "\n\ngateway.jwt.jwks has url and existingSecret: the keys come from one of them; leave the other one empty.\n" }}
{{- end }}
{{- if and $access.authentication.required (not (or $secret $public $access.apiKeys.existingSecret)) }}
{{- fail "\n\ngateway.authentication.required needs something to check credentials with: set gateway.jwt.existingSecret, gateway.jwt.jwks or gateway.apiKeys.existingSecret.\n" }}
{{- end }}
{{- if and (or $jwt.algorithms $jwt.issuer $jwt.audience) (not (or $secret $public)) }}
{{- fail "\n\ngateway.jwt.algorithms, issuer and audience need keys to check tokens with: set gateway.jwt.existingSecret or gateway.jwt.jwks.\n" }}
{{- end }}
{{- range $jwt.algorithms }}
{{- if not (ternary $secret $public (hasPrefix "HS" .)) }}
{{- fail (printf "\n\ngateway.jwt.algorithms: %s needs %s.\n" . (ternary "gateway.jwt.existingSecret" "gateway.jwt.jwks" (hasPrefix "HS" .))) }}
{{- end }}
{{- end }}
{{- if and $access.cors.credentials (or (not $access.cors.origins) (has "*" $access.cors.origins)) }}
{{- fail "\n\ngateway.cors.credentials needs gateway.cors.origins that name each origin: with * any page could use a user's cookies.\n" }}
{{- end }}
{{- if and $access.rateLimit.burst (not $access.rateLimit.requestsPerSecond) }}
{{- fail "\n\ngateway.rateLimit.burst needs gateway.rateLimit.requestsPerSecond.\n" }}
{{- end }}
{{- with $access.tls.existingSecret }}
{{- $_ := set $keys . (list "tls.crt" "tls.key") }}
{{- $_ = set $env "TLS_CERTIFICATE_FILE" (include "opsbuddy.secretFile" (list . "tls.crt")) }}
{{- $_ = set $env "TLS_KEY_FILE" (include "opsbuddy.secretFile" (list . "tls.key")) }}
{{- end }}
{{- range $file := list (list "JWT_SECRET_FILE" $secret $jwt.secretKey) (list "JWKS" $jwks.existingSecret $jwks.key) (list "API_KEYS_FILE" $access.apiKeys.existingSecret $access.apiKeys.key) }}
{{- with index $file 1 }}
{{- $_ := set $keys . (append (get $keys . | default list) (index $file 2)) }}
{{- $_ = set $env (index $file 0) (include "opsbuddy.secretFile" (list . (index $file 2))) }}
{{- end }}
{{- end }}
{{- range $name, $value := dict
  "AUTHENTICATION" (ternary "required" "" $access.authentication.required)
  "JWKS" $jwks.url
  "JWT_ALGORITHMS" (join "," $jwt.algorithms)
  "JWT_ISSUER" $jwt.issuer
  "JWT_AUDIENCE" $jwt.audience
  "JWT_ROLES_CLAIM" (ternary $jwt.rolesClaim "" (ne $jwt.rolesClaim "roles"))
  "CORS_ORIGINS" (join "," $access.cors.origins)
  "CORS_CREDENTIALS" (ternary "true" "" $access.cors.credentials)
  "RATE_LIMIT_PER_SECOND" (include "opsbuddy.positive" $access.rateLimit.requestsPerSecond)
  "RATE_LIMIT_BURST" (include "opsbuddy.positive" $access.rateLimit.burst)
  "RATE_LIMIT_BY" (ternary $access.rateLimit.by "" (gt (int $access.rateLimit.requestsPerSecond) 0))
}}
{{- if $value }}{{ $_ := set $env $name $value }}{{ end }}
{{- end }}
{{- $secrets := list }}
{{- range $name, $found := $keys }}
{{- $secrets = append $secrets (dict "name" $name "mountPath" (include "opsbuddy.secretFolder" $name) "keys" (uniq $found | sortAlpha) "onChange" "Keep") }}
{{- end }}
{{- dict "env" $env "secrets" $secrets | toJson }}
{{- end }}

{{- define "opsbuddy.positive" -}}{{ if gt (int .) 0 }}{{ int . }}{{ end }}{{- end }}

{{- define "opsbuddy.secretFolder" -}}/etc/opsbuddy-secrets/{{ . }}{{- end }}

{{- define "opsbuddy.secretFile" -}}{{ include "opsbuddy.secretFolder" (index . 0) }}/{{ index . 1 }}{{- end }}

{{/* What a service speaks on its port: (list $ $service). */}}
{{- define "opsbuddy.protocol" -}}
{{- $root := index . 0 }}
{{- $service := index . 1 }}
{{- $gateway := eq ($service.spec.role | default "Service") "Gateway" }}
{{- $service.spec.protocol | default (ternary "HTTPS" "HTTP" (and $gateway (not (empty $root.Values.gateway.tls.existingSecret)))) }}
{{- end }}

{{/* Where the gateway of this release is; nothing where it has none. */}}
{{- define "opsbuddy.gateway.url" -}}
{{- $url := "" }}
{{- range $name, $service := .Values.services }}
{{- if and $service.enabled (eq ($service.spec.role | default "Service") "Gateway") }}
{{- $url = printf "%s://%s:%v" (include "opsbuddy.protocol" (list $ $service) | lower) $name $service.spec.port }}
{{- end }}
{{- end }}
{{- $url }}
{{- end }}

{{/* By which authority those who call the gateway check its certificate, as JSON: name and key of a Secret; {} for those of the system. */}}
{{- define "opsbuddy.gateway.authority" -}}
{{- $tls := .Values.gateway.tls }}
{{- if and $tls.existingSecret $tls.caKey (hasPrefix "https:" (include "opsbuddy.gateway.url" .)) }}
{{- dict "name" $tls.existingSecret "key" $tls.caKey | toJson }}
{{- else }}{}{{ end }}
{{- end }}

{{/* What a service that calls the gateway is told of it, as JSON: env and secrets: (list $ $service). A new authority is read at the start alone. */}}
{{- define "opsbuddy.gateway.known" -}}
{{- $root := index . 0 }}
{{- $known := dict "env" dict "secrets" list }}
{{- if (index . 1).gateway }}
{{- $_ := set $known.env "GATEWAY_URL" (include "opsbuddy.gateway.url" $root | default "http://gateway:8000") }}
{{- with include "opsbuddy.gateway.authority" $root | fromJson }}
{{- $_ = set $known.env "SSL_CERT_FILE" (include "opsbuddy.secretFile" (list .name .key)) }}
{{- $_ = set $known "secrets" (list (dict "name" .name "mountPath" (include "opsbuddy.secretFolder" .name) "keys" (list .key))) }}
{{- end }}
{{- end }}
{{- $known | toJson }}
{{- end }}

{{/* The Secrets of a service, as JSON: those of its `spec`, and those that the values of the chart bring: (list $ "name" $service). */}}
{{- define "opsbuddy.secrets" -}}
{{- $root := index . 0 }}
{{- $service := index . 2 }}
{{- $own := $service.spec.secrets | default list }}
{{- $taken := list }}
{{- range $own }}{{ $taken = append $taken .name }}{{ end }}
{{- $ours := (include "opsbuddy.gateway.known" (list $root $service) | fromJson).secrets }}
{{- if eq ($service.spec.role | default "Service") "Gateway" }}{{ $ours = (include "opsbuddy.gateway" $root | fromJson).secrets }}{{ end }}
{{- range $ours }}
{{- if has .name $taken }}
{{- fail (printf "\n\nservices.%s.spec.secrets has the Secret %s, which a value under gateway mounts already: take it out there, or use another Secret.\n" (index $ 1) .name) }}
{{- end }}
{{- end }}
{{- concat $own $ours | toJson }}
{{- end }}

{{/* "asked" when the gateway asks for a credential on the route of a service: (list $ $service). */}}
{{- define "opsbuddy.asked" -}}
{{- $root := index . 0 }}
{{- $route := (index . 1).spec.route }}
{{- if hasKey $route "authentication" }}
{{- if ne ($route.authentication.mode | default "Required") "None" }}asked{{ end }}
{{- else if $root.Values.gateway.authentication.required }}asked{{ end }}
{{- end }}
