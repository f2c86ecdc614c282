{{/* The chart's name, as labels have it. */}}
{{- define "prebuildd.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* The name of the objects; short enough for what is appended to it. */}}
{{- define "prebuildd.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "prebuildd.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "prebuildd.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* The name of the Deployment of a component. Takes root and component. */}}
{{- define "prebuildd.componentName" -}}
{{- include "prebuildd.fullname" .root -}}
{{- if ne .component "api" }}-{{ .component }}{{ end -}}
{{- end }}

{{/* What all pods of the daemon have in common, and nothing else. */}}
{{- define "prebuildd.selectorLabels" -}}
app.kubernetes.io/name: {{ include "prebuildd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of an object. */}}
{{- define "prebuildd.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "prebuildd.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The image. Takes root and, for those that have one of their own, image. */}}
{{- define "prebuildd.image" -}}
{{- $image := .root.Values.image -}}
{{- $own := .image | default dict -}}
{{- $repository := $own.repository | default $image.repository -}}
{{- $digest := $own.digest | default (ternary "" $image.digest (or $own.repository $own.tag | empty | not)) -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ $own.tag | default $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The service account of a component's pods. Takes root, component and of (its values). */}}
{{- define "prebuildd.serviceAccountName" -}}
{{- if .of.serviceAccount.create -}}
{{- .of.serviceAccount.name | default (include "prebuildd.componentName" .) -}}
{{- else -}}
{{- .of.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}
