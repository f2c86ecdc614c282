{{/* Where the database is. */}}
{{- define "prebuildd.databaseEnv" -}}
{{- $database := .Values.database -}}
{{- if not $database.existingSecret -}}
{{- fail "database.existingSecret is not set. Make a Secret that holds the URL of a PostgreSQL database, such as `kubectl create secret generic prebuildd-database --from-literal=url=postgresql://user:password@host:5432/database`, and name it: --set database.existingSecret=prebuildd-database" -}}
{{- end -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ $database.existingSecret }}
      key: {{ $database.urlKey }}
{{- with $database.directUrlKey }}
- name: DATABASE_DIRECT_URL
  valueFrom:
    secretKeyRef:
      name: {{ $database.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}

{{/* The settings of values.yaml. YAML's numbers are floating point here, and a million would be 1e+06. */}}
{{- define "prebuildd.settingsEnv" -}}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ (kindIs "float64" $value | ternary (int64 $value) $value) | toString | quote }}
{{- end }}
{{- end }}

{{/* A probe. Takes path and probe (its values). */}}
{{- define "prebuildd.probe" -}}
httpGet:
  path: {{ .path }}
  port: metrics
{{ toYaml .probe }}
{{- end }}

{{/*
The pods of a component, as a Deployment has them. Takes root, component, of (the component's values) and provisioners
(builds that each of them runs at once).
*/}}
{{- define "prebuildd.podTemplate" -}}
{{- $values := .root.Values -}}
{{- $of := .of -}}
metadata:
  labels:
    {{- include "prebuildd.selectorLabels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with merge (dict) $of.podLabels $values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $of.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "prebuildd.serviceAccountName" . }}
  automountServiceAccountToken: {{ $of.serviceAccount.automountToken }}
  # Otherwise every Service of the namespace would be in the environment.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $of.preStopDelaySeconds $of.shutdownTimeoutSeconds 10 }}
  {{- with $of.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $of.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $of.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $of.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $of.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range $of.topologySpreadConstraints }}
    - labelSelector:
        matchLabels:
          {{- include "prebuildd.selectorLabels" $.root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
      # Pods of the version before do not count while one replaces the other.
      matchLabelKeys:
        - pod-template-hash
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: prebuildd
      image: {{ include "prebuildd.image" (dict "root" .root "image" $of.image) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - run
        {{- with $of.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        {{- include "prebuildd.databaseEnv" .root | nindent 8 }}
        - name: PREBUILDD_LISTEN
          value: {{ printf "%s:7070" $values.listenHost | quote }}
        - name: PREBUILDD_METRICS_LISTEN
          value: {{ printf "%s:7071" $values.listenHost | quote }}
        - name: PREBUILDD_DATA_DIR
          value: /var/lib/prebuildd
        - name: PREBUILDD_PROVISIONERS
          value: {{ .provisioners | quote }}
        - name: PREBUILDD_SHUTDOWN_TIMEOUT
          value: {{ printf "%ds" (int64 $of.shutdownTimeoutSeconds) }}
        {{- if .provisioners }}
        {{- with $values.terraform.path }}
        - name: PREBUILDD_TERRAFORM_PATH
          value: {{ . | quote }}
        {{- end }}
        {{- with $values.terraform.env }}
        - name: PREBUILDD_TERRAFORM_ENV
          value: {{ join "," . | quote }}
        {{- end }}
        {{- end }}
        {{- include "prebuildd.settingsEnv" .root | indent 8 }}
        {{- with concat $values.extraEnv $of.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat $values.extraEnvFrom $of.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: 7070
        - name: metrics
          containerPort: 7071
      startupProbe:
        {{- include "prebuildd.probe" (dict "path" "/healthz" "probe" $values.probes.startup) | nindent 8 }}
      livenessProbe:
        {{- include "prebuildd.probe" (dict "path" "/healthz" "probe" $values.probes.liveness) | nindent 8 }}
      readinessProbe:
        {{- include "prebuildd.probe" (dict "path" "/readyz" "probe" $values.probes.readiness) | nindent 8 }}
      {{- if $of.preStopDelaySeconds }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ $of.preStopDelaySeconds | quote }}]
      {{- end }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      {{- with $of.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: data
          mountPath: /var/lib/prebuildd
        - name: home
          mountPath: /home/node
        - name: tmp
          mountPath: /tmp
        {{- with $of.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: data
      {{- toYaml ($of.dataVolume | default (dict "emptyDir" dict)) | nindent 6 }}
    - name: home
      emptyDir: {}
    - name: tmp
      emptyDir: {}
    {{- with $of.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The Deployment of a component. Takes what the template of its pods takes. */}}
{{- define "prebuildd.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "prebuildd.componentName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "prebuildd.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  replicas: {{ .of.replicas }}
  revisionHistoryLimit: {{ .of.revisionHistoryLimit }}
  strategy:
    {{- toYaml .of.strategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "prebuildd.selectorLabels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    {{- include "prebuildd.podTemplate" . | nindent 4 }}
{{- end }}

{{/* The PodDisruptionBudget of a component, if it has more than one replica. Takes root, component and of. */}}
{{- define "prebuildd.podDisruptionBudget" -}}
{{- if and .root.Values.podDisruptionBudget.enabled (gt (int .of.replicas) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "prebuildd.componentName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "prebuildd.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: {{ .root.Values.podDisruptionBudget.maxUnavailable }}
  # Pods that are not ready, because the database is away for instance, do not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "prebuildd.selectorLabels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end }}

{{/* The service account of a component, if the chart makes it. Takes root, component and of. */}}
{{- define "prebuildd.serviceAccount" -}}
{{- if .of.serviceAccount.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "prebuildd.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "prebuildd.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  {{- with .of.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}
