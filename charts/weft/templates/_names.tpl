{{- define "weft.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- define "weft.labels" -}}
app.kubernetes.io/part-of: weft
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- /* Where the API server is, for processes that run before there is a network. */ -}}
{{- define "weft.apiEnv" -}}
{{- if .Values.kubernetesApi.host }}
- { name: KUBERNETES_SERVICE_HOST, value: {{ .Values.kubernetesApi.host | quote }} }
- { name: KUBERNETES_SERVICE_PORT, value: {{ .Values.kubernetesApi.port | quote }} }
{{- end }}
{{- end }}
