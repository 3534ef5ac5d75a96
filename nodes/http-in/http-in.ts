import type { Cors, HttpEntry, Method } from '../../runtime/core/entry.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import { checkLabelRows, type LabelRow, labelsOfRows, nothing, stockLabelRowsSchema } from '../../runtime/core/labels/labels.ts'
import { atAllPlaces } from '../../runtime/core/labels/of-request.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

const served: readonly Method[] = [...methods, 'ALL']

/** Node-RED's properties, and the ones of ours that are edited below its form (host, cors, limits). */
export interface HttpInConfig {
  readonly url: string
  readonly method: Method
  readonly upload: boolean
  readonly skipBodyParsing: boolean
  /** Pass the body on as a stream. */
  readonly streamBody?: boolean
  readonly host?: string
  readonly cors?: Cors
  readonly bodyLimitBytes?: number
  readonly accepts?: readonly string[]
  /** Deadline of runs that enter here, ms. */
  readonly timeoutMs?: number
  /** What comes in that is about people, or secret. */
  readonly labels?: readonly LabelRow[]
}

/** The way in for HTTP requests. */
export const httpIn = defineNode<HttpInConfig, 'out'>({
  type: 'http in',
  category: 'entry',
  label: { en: 'http in', 'zh-TW': 'HTTP 入口' },
  summary: {
    en: 'Answers HTTP requests at a path; each request starts one run of the flow.',
    'zh-TW': '在指定路徑接收 HTTP 請求；每個請求啟動一次流程。',
  },
  icon: 'white-globe.svg',
  stockForm: 'network/21-httpin',
  stockFormFields: ['host', 'accepts', 'streamBody', 'bodyLimitBytes', 'timeoutMs', 'cors', 'labels'],
  stockFormChoices: { method: [['head', 'HEAD'], ['options', 'OPTIONS'], ['all', 'ALL']] },
  inputs: 0,
  // A GET has no body by itself; whoever sends one has it held to the same limit.
  holdsBytes: ({ method, streamBody, bodyLimitBytes }) => (streamBody === true || method.toUpperCase() === 'GET' ? undefined : (bodyLimitBytes ?? 'gateway')),
  outputs: ['out'],
  leaks: nothing,
  startsLabels: ({ labels }) => (labels?.length ?? 0) > 0,
  labels({ labels, method, skipBodyParsing }, _input, facts) {
    const known = atAllPlaces(labelsOfRows(labels, facts), method)
    // Bytes that nobody has looked into have no fields.
    return skipBodyParsing ? known.and(known.at(['payload']).anywhere.under(['payload'])) : known
  },
  faults: ['body.malformed', 'body.too_large', 'body.unsupported', 'method.none', 'route.none'],
  config: {
    type: 'object',
    properties: {
      url: { type: 'string', default: '', description: 'Path: /users/:id, /files/*. A leading slash is added.' },
      method: { enum: served, default: 'GET' },
      upload: { type: 'boolean', default: false, description: 'Take multipart file uploads (msg.req.files).' },
      skipBodyParsing: { type: 'boolean', default: false, description: 'Give the body as bytes and do not look inside.' },
      host: { type: 'string', title: 'Host name', description: 'Answer this host name only, such as api.example.org. Empty: every one.' },
      accepts: {
        type: 'array', items: { type: 'string', pattern: '^[^/\\s]+/[^/\\s]+$' }, 'x-form': 'list', title: 'Content types taken',
        description: 'Such as application/json, image/*; others get 415. Empty: all.',
      },
      bodyLimitBytes: { type: 'integer', minimum: 0, title: 'Largest request body (bytes)', description: 'Empty: the limit of the gateway.' },
      streamBody: { type: 'boolean', title: 'Body as a stream', description: 'Nothing of the body is held or looked at; “pass through” sends it on as it comes. The limit of the gateway does not hold for it, only the one below.' },
      timeoutMs: { type: 'integer', minimum: 1, title: 'Deadline (ms)', description: 'Longest time a run that enters here may take. Empty: that of the flow.' },
      cors: {
        type: 'object',
        properties: {
          origins: {
            anyOf: [{ const: '*' }, { type: 'array', items: { type: 'string' }, minItems: 1 }], 'x-form': 'list', title: 'Origins',
            description: 'https://app.example.org, http://localhost:3000; * for every page. Empty: no CORS.',
          },
          credentials: { type: 'boolean', title: 'With cookies and other credentials', description: 'Not together with *.' },
          methods: { type: 'array', items: { type: 'string' }, 'x-form': 'list', title: 'Methods', description: 'Empty: those that the path answers.' },
          headers: { type: 'array', items: { type: 'string' }, 'x-form': 'list', title: 'Request headers', description: 'Empty: those that are asked for.' },
          exposed: { type: 'array', items: { type: 'string' }, 'x-form': 'list', title: 'Response headers that pages may read', description: 'Beside the usual ones, such as X-Total-Count.' },
          maxAgeSeconds: { type: 'integer', minimum: 0, title: 'Browsers remember the answer for (seconds)', description: 'Empty: their own time, 5 seconds for most.' },
        },
        required: ['origins'],
        additionalProperties: false,
        'x-form': 'group',
        title: 'CORS',
        description: 'Which web pages of other origins may call this API.',
      },
      labels: stockLabelRowsSchema,
    },
  },
  migrate(config) {
    const { method, upload, skipBodyParsing, ...rest } = config
    const migrated: Record<string, unknown> = { ...rest }
    migrated.method = typeof method === 'string' && method !== '' ? method.toUpperCase() : 'GET'
    migrated.upload = upload === true || upload === 'true'
    migrated.skipBodyParsing = skipBodyParsing === true || skipBodyParsing === 'true'
    for (const name of ['host', 'cors', 'accepts', 'bodyLimitBytes', 'timeoutMs', 'labels']) {
      const value = migrated[name]
      if (value === '' || value === null || (Array.isArray(value) && value.length === 0)) delete migrated[name]
      else if (/Bytes$|Ms$/.test(name) && typeof value === 'string' && Number.isFinite(Number(value))) migrated[name] = Number(value)
    }
    const { cors } = migrated
    if (isRecord(cors) && Array.isArray(cors.origins) && cors.origins.includes('*')) migrated.cors = { ...cors, origins: '*' }
    return migrated
  },
  check(config) {
    const problems: NodeProblem[] = checkLabelRows(config.labels)
    if (config.accepts === undefined && config.method !== 'GET' && config.method !== 'HEAD' && (config.labels ?? []).some(({ path }) => /^\s*(?:\$|(?:msg\.)?payload)[.[]/.test(path))) {
      problems.push({
        code: 'label.any_type', severity: 'warning', property: 'accepts', message: 'Bodies of every type are taken, and labelled fields are found in JSON and in forms only: in a text nobody looks for them.',
        remedy: 'Enter the content types of this API, such as application/json, and put a validate node behind the entry.',
      })
    }
    const url = config.url.trim()
    if (url === '') {
      problems.push({ code: 'route.no_path', property: 'url', message: 'The http in node has no path.', remedy: 'Open the node and enter a path such as /hello.' })
    } else if (/:\/\//.test(url)) {
      problems.push({ code: 'route.path', property: 'url', message: `“${url}” is a whole URL, not a path.`, remedy: 'Enter the path only, such as /hello.' })
    } else if (/[\s#]|\?.*=/.test(url)) {
      problems.push({
        code: 'route.path', property: 'url',
        message: `The path “${url}” holds a space, a # or a query; no request could ever match it.`,
        remedy: 'Enter the path only; query parameters arrive in msg.req.query whatever they are.',
      })
    }
    if (config.host !== undefined && !/^[a-z0-9.-]+$/i.test(config.host)) {
      problems.push({ code: 'route.host', property: 'host', message: `“${config.host}” is not a host name.`, remedy: 'Enter a name such as api.example.org, without scheme, port or path.' })
    }
    if (config.cors?.origins === '*' && config.cors.credentials === true) {
      problems.push({ code: 'cors.wildcard', property: 'cors', message: 'CORS with credentials does not work for every origin (*).', remedy: 'List the origins that may send credentials.' })
    }
    for (const origin of Array.isArray(config.cors?.origins) ? config.cors.origins : []) {
      if (isOrigin(origin)) continue
      problems.push({
        code: 'cors.origin', property: 'cors', message: `“${origin}” is not an origin; no browser would ever send it.`,
        remedy: 'Enter scheme, host and port only, such as https://app.example.org or http://localhost:3000.',
      })
    }
    if (config.streamBody === true && (config.upload || config.skipBodyParsing)) {
      problems.push({ code: 'route.stream_body', property: 'streamBody', message: 'A body that passes as a stream is neither read for uploads nor given as bytes.', remedy: 'Switch “Body as a stream” off, or the other option.' })
    }
    if (config.upload && config.skipBodyParsing) {
      problems.push({ severity: 'warning', code: 'route.upload_raw', property: 'upload', message: 'File uploads are not read when the raw body is asked for.', remedy: 'Switch one of the two options off.' })
    }
    return problems
  },
  entry(config): HttpEntry {
    const url = config.url.trim()
    return {
      on: 'http',
      method: config.method,
      path: url.startsWith('/') ? url : `/${url}`,
      ...(config.host === undefined ? {} : { host: config.host.toLowerCase() }),
      ...(config.cors === undefined ? {} : { cors: config.cors }),
      ...(config.bodyLimitBytes === undefined ? {} : { bodyLimitBytes: config.bodyLimitBytes }),
      ...(config.accepts === undefined ? {} : { accepts: config.accepts }),
      ...(config.timeoutMs === undefined ? {} : { deadlineMs: config.timeoutMs }),
      ...(config.streamBody === true ? { streamBody: true } : {}),
      ...(config.skipBodyParsing ? { rawBody: true } : {}),
      ...(config.upload && !config.skipBodyParsing ? { upload: true } : {}),
    }
  },
})

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** As browsers write it in the Origin header (RFC 6454 §7); `null` is what a page without an origin sends. */
function isOrigin(text: string): boolean {
  if (text === 'null') return true
  return URL.canParse(text) && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@]+$/.test(text) && !/[A-Z]/.test(text) && !/:$/.test(text)
}
