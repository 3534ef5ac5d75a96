import { Body, resolve } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { fault, type Fault, toFault } from '../../runtime/core/fault.ts'
import { mayHoldLabels } from '../../runtime/core/labels/of-schema.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { Checked, Given } from '../../runtime/core/openapi/checked-message.ts'
import { getProperty, parseMessagePath } from '../../runtime/core/values/property.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Run } from '../../runtime/core/run.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { labelsOfSchemas } from './labels.ts'
import { readConfig } from './read-config.ts'
import { TypedRequest, withTypes } from './typed-request.ts'
import { validateSchema, type ValidateConfig } from './validate-config.ts'

type Port = 'ok' | 'invalid'

const nothing = Object.freeze({})

/** Lets through requests, or answers of upstreams, that are as their schemas say. */
export const validate = defineNode<ValidateConfig, Port>({
  type: 'validate',
  category: 'protect',
  label: { en: 'validate', 'zh-TW': '驗證資料' },
  summary: { en: 'Lets requests through that fit a JSON Schema or an OpenAPI operation, and says where others do not.', 'zh-TW': '只讓符合 JSON Schema 或 OpenAPI 操作的請求通過，並指出其他請求不符之處。' },
  icon: 'fa-check-square-o',
  outputs: ['ok', 'invalid'],
  leaks: () => [],
  startsLabels: (config) => mayHoldLabels(config.operation + config.body + config.query + config.params + config.headers + config.cookies),
  labels: (config, input, { node }) => input.and(labelsOfSchemas(config, { flow: node.flow, node: node.id })),
  faults: ['request.invalid', 'upstream.invalid', 'body.unsupported', 'body.malformed', 'schema.work', 'step.config'],
  config: validateSchema,
  migrate(config) {
    const texts = ['operation', 'body', 'query', 'params', 'headers', 'cookies'].flatMap((name) => (typeof config[name] === 'object' && config[name] !== null ? [[name, JSON.stringify(config[name], null, 2)]] : []))
    return { ...config, ...Object.fromEntries(texts) }
  },
  check(config) {
    const ofProperty = checkTypedValue(config.property, 'msg', 'property')
    if (ofProperty) return [ofProperty]
    const read = readConfig(config)
    if (typeof read !== 'function') return [read]
    if (config.by === 'schemas' && [config.body, config.query, config.params, config.headers, config.cookies].every((text) => text.trim() === '')) {
      return [{ code: 'validate.empty', severity: 'warning', property: 'body', message: 'The validate node lets everything through: it has no schema.', remedy: 'Add a JSON Schema, or paste an operation.' }]
    }
    return []
  },
  compile(config, scope) {
    const { side, by, coerce, errorsAtMost, property } = config
    const check = readConfig(config)
    if (typeof check !== 'function') throw fault('config.invalid', { message: check.message, property: check.property, remedy: check.remedy })
    const wired = scope.isWired?.('invalid') ?? false
    const path = parseMessagePath(by === 'operation' ? 'payload' : property)
    const isPayload = path.length === 1 && path[0] === 'payload'
    const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }

    function ofRequest(message: Message, run: Run): Given {
      const request = run.request ?? (message.req as RequestFacts | undefined)
      const raw = isPayload ? message.payload : getProperty(message, path)
      return {
        carried: { query: request?.query ?? nothing, path: request?.params ?? nothing, header: request?.headers ?? nothing, cookie: request?.cookies ?? nothing },
        contentType: typeof request?.headers['content-type'] === 'string' ? request.headers['content-type'] : undefined,
        hasBody: hasBody(raw, request, isPayload),
        files: request?.files?.map(({ fieldname }) => fieldname) ?? [],
        body: () => held(raw),
      }
    }

    function ofAnswer(message: Message): Given {
      const headers = lowerCase(message.headers)
      const raw = isPayload ? message.payload : getProperty(message, path)
      return {
        carried: { query: nothing, path: nothing, header: headers, cookie: nothing },
        contentType: typeof headers['content-type'] === 'string' ? headers['content-type'] : raw instanceof Body ? raw.contentType : 'application/json',
        hasBody: raw !== undefined && raw !== '',
        status: typeof message.statusCode === 'number' ? message.statusCode : undefined,
        files: [],
        body: () => held(raw),
      }
    }

    function refuse(message: Message, made: Fault): SentTo {
      if (!wired) throw made
      const { code, status, title, message: text, facts } = made
      return new SentTo(1, { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts, source } })
    }

    return function validate(message, run) {
      let checked: Checked
      try {
        checked = check(side === 'answer' ? ofAnswer(message) : ofRequest(message, run), errorsAtMost)
      } catch (thrown) {
        return refuse(message, toFault(thrown))
      }
      const { errors, unsupported, typed } = checked
      if (unsupported !== undefined) return refuse(message, fault('body.unsupported', { type: unsupported }))
      if (errors.length > 0) return refuse(message, fault(side === 'answer' ? 'upstream.invalid' : 'request.invalid', { errors }))
      return new SentTo(0, coerce && side === 'request' ? withTyped(message, run, typed) : message)
    }
  },
})

/** The body's value. Of one that passes as a stream nobody sees the bytes. */
function held(raw: unknown): unknown {
  if (raw instanceof ByteStream) throw fault('step.config', { message: 'The body passes as a stream, so its content cannot be checked. Switch “Body as a stream” off in the http in node, or take the schema of the body out.' })
  return resolve(raw)
}

/** The message with typed values in its request; the payload of a GET is its query, that of a form its fields. */
function withTyped(message: Message, run: Run, typed: Checked['typed']): Message {
  const { body, ...parts } = typed
  const places = Object.keys(parts).length > 0
  if (!places && !body) return message
  const shown = message.req as RequestFacts | undefined
  const came = run.request ?? shown
  if (!shown || !came || !places) return body ? { ...message, payload: body.value } : message
  const req = new TypedRequest(shown, came, typed)
  if (body) return { ...message, req, payload: body.value }
  return isQuery(message.payload, came) && typed.query ? { ...message, req, payload: withTypes(message.payload as Readonly<Record<string, unknown>>, came.query, typed.query) } : { ...message, req }
}

function isQuery(payload: unknown, { method }: RequestFacts): boolean {
  return (method === 'GET' || method === 'HEAD') && typeof payload === 'object' && payload !== null && !(payload instanceof Body) && !(payload instanceof ByteStream) && !Array.isArray(payload)
}

/** Without a body the payload is the query, an empty text, or for JSON an empty object. */
function hasBody(raw: unknown, request: RequestFacts | undefined, isPayload: boolean): boolean {
  if (raw === undefined || raw === '') return false
  if (!isPayload || !request || raw instanceof Body || raw instanceof ByteStream) return true
  if (isQuery(raw, request)) return false
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers
  const isEmpty = typeof raw === 'object' && raw !== null && !Array.isArray(raw) && Object.keys(raw).length === 0
  return !(isEmpty && coding === undefined && (length === undefined || length === '0'))
}

function lowerCase(headers: unknown): Readonly<Record<string, unknown>> {
  if (typeof headers !== 'object' || headers === null) return nothing
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

