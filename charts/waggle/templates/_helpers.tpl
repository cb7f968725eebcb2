{{/* Start of every name. Short: a node's name becomes a DNS label. */}}
{{- define "waggle.name" -}}
{{- .Release.Name | trunc 30 | trimSuffix "-" -}}
{{- end }}

{{/* Labels that select the pods of a component: list of context and component. */}}
{{- define "waggle.selector" -}}
app.kubernetes.io/name: waggle
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "waggle.labels" -}}
{{ include "waggle.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "waggle.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "waggle.secretName" -}}
{{- if .Values.secrets.create -}}
{{ include "waggle.name" . }}-secrets
{{- else -}}
{{ required "secrets.existingSecret: name of the Secret with the keys; see values.yaml" .Values.secrets.existingSecret }}
{{- end }}
{{- end }}

{{- define "waggle.usesRabbitMQ" -}}
{{- if ne .Values.webhooks.delivery "node" }}true{{ end }}
{{- end }}

{{/* Environment of nodes, workers and the migration: list of context and variables that go before. */}}
{{- define "waggle.env" -}}
{{- $ := index . 0 -}}
{{- $values := $.Values -}}
{{- $fixed := dict
  "DATABASE_PROVIDER" "postgresql"
  "CACHE_REDIS_ENABLED" "true"
  "CACHE_REDIS_PREFIX_KEY" "waggle"
  "WAGGLE_NODE_TTL_SECONDS" $values.node.ttlSeconds
  "WAGGLE_HEARTBEAT_SECONDS" $values.node.heartbeatSeconds
  "WAGGLE_DRAIN_TIMEOUT_SECONDS" $values.node.drainTimeoutSeconds
  "WAGGLE_WEBHOOK_DELIVERY" $values.webhooks.delivery
  "WAGGLE_LOG_FORMAT" "json"
  "PROMETHEUS_METRICS" "true" -}}
{{- with $values.serverUrl }}{{ $_ := set $fixed "SERVER_URL" . }}{{ end -}}
{{- with $values.peers }}{{ $_ := set $fixed "WAGGLE_CLUSTER_PEERS" (join "," .) }}{{ end -}}
{{- if include "waggle.usesRabbitMQ" $ }}{{ $_ := set $fixed "RABBITMQ_ENABLED" "true" }}{{ end -}}
{{- range $name, $value := mergeOverwrite $fixed (deepCopy $values.config) (deepCopy (index . 1)) }}
{{- if regexMatch "(_SECRET|_PASSWORD|_TOKEN|_SESSION_KEY|_SESSION_KEY_PREVIOUS|_API_KEY|_SECRET_KEY|_ACCESS_KEY|_URI)$" $name }}
{{- fail (printf "%s belongs in the Secret (secrets.existingSecret), not in values" $name) }}
{{- end }}
{{- /* Helm reads every number as a fraction, and would write 1048576 as 1.048576e+06. */}}
{{- if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ $value = int64 $value }}{{ end }}{{ end }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* Of a pod: nothing that it does needs a privilege. */}}
{{- define "waggle.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "waggle.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Pods of one kind on different machines, and over zones, where that can be had. */}}
{{- define "waggle.spread" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector: {matchLabels: {{ . | toJson }}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ . | toJson }}}
{{- end }}

{{/* Probes of nodes and workers, with the path that tells when they have started. Live never asks a dependency: a
     restart would not bring it back. */}}
{{- define "waggle.probes" -}}
startupProbe:
  httpGet: {path: {{ . }}, port: http}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 150
readinessProbe:
  httpGet: {path: /health/ready, port: http}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* preStop, then the drain, then 10 s for closing what is left. */}}
{{- define "waggle.preStopSeconds" -}}5{{- end }}
{{- define "waggle.gracePeriod" -}}
{{ add (include "waggle.preStopSeconds" .) .Values.node.drainTimeoutSeconds 10 }}
{{- end }}
