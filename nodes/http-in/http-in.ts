import type { Cors, HttpEntry, Method } from '../../runtime/core/entry.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'ALL']

/** Node-RED's properties, and the ones of ours that its form does not show (host, cors, limits). */
export interface HttpInConfig {
  readonly url: string
  readonly method: Method
  readonly upload: boolean
  readonly skipBodyParsing: boolean
  readonly host?: string
  readonly cors?: Cors
  readonly bodyLimitBytes?: number
  readonly accepts?: readonly string[]
  /** Deadline of runs that enter here, ms. */
  readonly timeoutMs?: number
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
  inputs: 0,
  outputs: ['out'],
  faults: ['body.malformed', 'body.too_large', 'body.unsupported', 'method.none', 'route.none'],
  config: {
    type: 'object',
    properties: {
      url: { type: 'string', default: '', description: 'Path: /users/:id, /files/*. A leading slash is added.' },
      method: { enum: methods, default: 'GET' },
      upload: { type: 'boolean', default: false, description: 'Take multipart file uploads (msg.req.files).' },
      skipBodyParsing: { type: 'boolean', default: false, description: 'Give the body as bytes and do not look inside.' },
      host: { type: 'string', description: 'Answer this host name only.' },
      cors: {
        type: 'object',
        properties: {
          origins: { anyOf: [{ const: '*' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] },
          methods: { type: 'array', items: { type: 'string' } },
          headers: { type: 'array', items: { type: 'string' } },
          exposed: { type: 'array', items: { type: 'string' } },
          credentials: { type: 'boolean' },
          maxAgeSeconds: { type: 'integer', minimum: 0 },
        },
        required: ['origins'],
        additionalProperties: false,
        description: 'Which web pages of other origins may call this API.',
      },
      bodyLimitBytes: { type: 'integer', minimum: 0, description: 'Largest request body; default: the limit of the gateway.' },
      accepts: { type: 'array', items: { type: 'string', pattern: '^[^/\\s]+/[^/\\s]+$' }, description: 'Content types taken, such as application/json or image/*.' },
      timeoutMs: { type: 'integer', minimum: 1, description: 'Deadline of a run that enters here.' },
    },
  },
  migrate(config) {
    const { method, upload, skipBodyParsing, ...rest } = config
    const migrated: Record<string, unknown> = { ...rest }
    migrated.method = typeof method === 'string' && method !== '' ? method.toUpperCase() : 'GET'
    migrated.upload = upload === true || upload === 'true'
    migrated.skipBodyParsing = skipBodyParsing === true || skipBodyParsing === 'true'
    for (const name of ['host', 'cors', 'accepts', 'bodyLimitBytes', 'timeoutMs']) {
      const value = migrated[name]
      if (value === '' || value === null) delete migrated[name]
      else if (/Bytes$|Ms$/.test(name) && typeof value === 'string' && Number.isFinite(Number(value))) migrated[name] = Number(value)
    }
    return migrated
  },
  check(config) {
    const problems: NodeProblem[] = []
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
      ...(config.skipBodyParsing ? { rawBody: true } : {}),
      ...(config.upload && !config.skipBodyParsing ? { upload: true } : {}),
    }
  },
})
