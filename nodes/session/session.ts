import { createHash } from 'node:crypto'
import type { MessageClient } from '../../runtime/core/access/clients.ts'
import { Fault, fault } from '../../runtime/core/fault.ts'
import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { TemplateError } from '../../runtime/core/values/path-template.ts'
import { parseMessagePath, PathError } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import { isSandboxCall } from '../../runtime/core/access/sandbox-call.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { toDecided } from '../shared/limits/limit-refusal.ts'
import { sharedName } from '../shared/shared-name.ts'
import { createCloseCall, parseCloseUrl, type CloseCall } from './close-call.ts'
import { openJanitor } from './janitor.ts'
import { toView } from './record.ts'
import { carrierNames, createCarrier, type CarrierOptions } from './session-id.ts'
import { createSessions } from './sessions.ts'

export interface SessionConfig extends CarrierOptions, CloseCall {
  readonly operation: 'create' | 'validate' | 'touch' | 'end'
  readonly session: string
  readonly client: string
  readonly clientType: 'msg' | 'jsonata' | 'str'
  readonly slide: boolean
  readonly data: string
  readonly dataType: 'msg' | 'jsonata' | 'json'
  readonly dataLimitBytes: number
  readonly idleSeconds: number
  readonly absoluteSeconds: number
  readonly cap: number
  readonly whenFull: 'refuse' | 'evict'
  readonly closeTries: number
}

type Port = 'ok' | 'refused'

const keepsData = ({ operation, data }: Pick<SessionConfig, 'operation' | 'data'>) => (operation === 'create' || operation === 'touch') && data.trim() !== ''
/** Who an auth node found is no data that came with the call. */
const isCallerOf = ({ client, clientType }: Pick<SessionConfig, 'client' | 'clientType'>) => clientType === 'msg' && client.trim() === 'client.id'

function labelsOfClient(config: Pick<SessionConfig, 'client' | 'clientType'>, input: LabelMap): LabelMap {
  return isCallerOf(config) ? LabelMap.none : labelsOfValue(config.client, config.clientType, input)
}

const refusals = new Set(['session.none', 'session.expired', 'session.limit'])

/** Sessions of callers between requests, the same at every gateway. */
export const session = defineNode<SessionConfig, Port>({
  type: 'session',
  category: 'protect',
  label: { en: 'session', 'zh-TW': '工作階段' },
  summary: { en: 'Begins, checks, keeps alive and ends sessions of callers, whichever gateway they reach.', 'zh-TW': '建立、檢查、延續與結束呼叫端的工作階段，不論連到哪個閘道。' },
  icon: 'fa-id-card-o',
  outputs: ['ok', 'refused'],
  leaks: (config, input) => [
    ...(config.operation === 'create' ? [{ to: 'store', what: 'whose session it is', property: 'client', labels: labelsOfClient(config, input) } as const] : []),
    ...(keepsData(config) ? [{ to: 'store', what: 'the data of the session', property: 'data', labels: labelsOfValue(config.data, config.dataType, input) } as const] : []),
  ],
  // What was released lies there for the session, and for nobody who looks on.
  labels: (config, input) => {
    if (config.operation !== 'create' && !keepsData(config)) return input
    const kept = keepsData(config) ? labelsOfValue(config.data, config.dataType, input) : LabelMap.none
    return input.put(['session', 'data'], kept).put(['session', 'client'], labelsOfClient(config, input))
  },
  faults: ['session.none', 'session.expired', 'session.limit', 'session.data_too_large', 'state.unavailable', 'step.config', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      operation: {
        enum: ['create', 'validate', 'touch', 'end'], default: 'validate', title: 'Operation', description: 'validate checks; touch also keeps new data; both let the idle time begin anew.',
        'x-form': { 'zh-TW': { title: '動作', description: '「檢查」只確認有效，「延續並存資料」另存入新資料；兩者都會重新計算閒置時間。', choices: { create: '建立', validate: '檢查', touch: '延續並存資料', end: '結束' } } },
      },
      session: { type: 'string', default: 'default', title: 'Sessions', description: 'Name that the nodes of these sessions share.', 'x-form': { 'zh-TW': { title: '工作階段名稱', description: '同一組工作階段的節點共用的名稱。' } } },
      carrier: {
        enum: ['header', 'cookie', 'field'], default: 'header', title: 'Id travels in', description: 'A header, a cookie (HttpOnly, Secure) or a field of the message.',
        'x-form': { 'zh-TW': { title: '識別碼的傳遞', description: '標頭、Cookie（HttpOnly、Secure）或訊息欄位。', choices: { header: '標頭', cookie: 'Cookie', field: '訊息欄位' } } },
      },
      carrierName: { type: 'string', default: '', title: 'Its name', description: `Empty: ${carrierNames.header}, ${carrierNames.cookie} or ${carrierNames.field}.`, 'x-form': { 'zh-TW': { title: '其名稱', description: `空白：${carrierNames.header}、${carrierNames.cookie} 或 ${carrierNames.field}。` } } },
      sameSite: { enum: ['strict', 'lax', 'none'], default: 'lax', title: 'SameSite', description: 'Which requests of other sites the cookie comes with.', 'x-form': { when: { operation: ['create'], carrier: ['cookie'] }, 'zh-TW': { title: '跨站（SameSite）', description: '來自其他網站的哪些請求會帶上 Cookie。', choices: { strict: '一律不帶（strict）', lax: '僅連結前往時（lax）', none: '一律帶上（none）' } } } },
      client: { type: 'string', default: 'client.id', title: 'Client', description: 'Whose session it is. A session of one client is none for another.', 'x-form': { 'zh-TW': { title: '客戶端', description: '工作階段屬於誰。某客戶端的工作階段對其他客戶端無效。' } } },
      clientType: { enum: ['msg', 'jsonata', 'str'], default: 'msg' },
      slide: { type: 'boolean', default: true, title: 'Keeps alive', description: 'The idle time begins anew.', 'x-form': { when: { operation: ['validate'] }, 'zh-TW': { title: '延續', description: '重新計算閒置時間。' } } },
      data: { type: 'string', default: '', title: 'Data', description: 'What to keep with the session; empty keeps what is there. It is msg.session.data afterwards.', 'x-form': { when: { operation: ['create', 'touch'] }, 'zh-TW': { title: '資料', description: '隨工作階段保存的資料；空白則保留原資料。之後可讀 msg.session.data。' } } },
      dataType: { enum: ['msg', 'jsonata', 'json'], default: 'msg' },
      dataLimitBytes: { type: 'integer', minimum: 0, maximum: 262_144, default: 16_384, title: 'Largest data', description: 'Bytes of its JSON.', 'x-form': { when: { operation: ['create', 'touch'] }, 'zh-TW': { title: '資料上限', description: 'JSON 的位元組數。' } } },
      idleSeconds: { type: 'integer', minimum: 1, maximum: 2_592_000, default: 1_800, title: 'Idle time', description: 'Seconds without a request after which the session expires.', 'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '閒置時間', description: '多少秒沒有請求即過期。' } } },
      absoluteSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000, default: 43_200, title: 'Longest life', description: 'Seconds after which it expires whatever happens.', 'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '最長壽命', description: '無論如何，多少秒後過期。' } } },
      cap: { type: 'integer', minimum: 0, maximum: 10_000, default: 0, title: 'Sessions of a client', description: 'How many at once; 0 for any number.', 'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '每客戶端上限', description: '同時可有幾個；0 為不限。' } } },
      whenFull: {
        enum: ['refuse', 'evict'], default: 'refuse', title: 'One too many', description: 'Refuse the new one with 409, or end the oldest.',
        'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '超過上限時', description: '以 409 拒絕新的，或結束最舊的。', choices: { refuse: '拒絕', evict: '結束最舊的' } } },
      },
      closeUrl: { type: 'string', default: '', title: 'Close URL', 'x-form': { when: { operation: ['create'] }, control: 'template', 'zh-TW': { title: '關閉網址', description: '工作階段結束、被取代或閒置過期後呼叫：https://host/sessions/{{session.data.id}}。空白則不呼叫。' } }, description: 'Called when a session was ended, evicted or abandoned: https://host/sessions/{{session.data.id}}. Empty: nothing is called.' },
      closeMethod: { enum: ['POST', 'PUT', 'DELETE', 'GET'], default: 'POST', title: 'Close method', 'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '關閉方法' } } },
      closeTimeoutMs: { type: 'integer', minimum: 1, maximum: 60_000, default: 5_000, title: 'Close timeout', description: 'Milliseconds.', 'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '關閉逾時', description: '毫秒。' } } },
      closeTries: { type: 'integer', minimum: 1, maximum: 20, default: 5, title: 'Close tries', description: 'With growing pauses.', 'x-form': { when: { operation: ['create'] }, 'zh-TW': { title: '關閉嘗試次數', description: '間隔逐次加長。' } } },
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = []
    if (!/^[\w.-]{1,64}$/.test(config.session)) problems.push({ code: 'session.name', property: 'session', message: `“${config.session}” cannot name sessions.`, remedy: 'Use up to 64 letters, digits, dots, hyphens and underscores.' })
    problems.push(checkCarrier(config), checkTypedValue(config.client, config.clientType, 'client'))
    if (config.data.trim() !== '') problems.push(checkTypedValue(config.data, config.dataType, 'data'))
    if (config.operation !== 'create') return problems.filter((problem) => problem !== undefined)
    if (config.absoluteSeconds < config.idleSeconds) problems.push({ code: 'session.life', property: 'absoluteSeconds', message: 'A session would end before its idle time has passed once.', remedy: 'Give a longest life that is at least the idle time.' })
    if (config.closeUrl.trim() !== '') problems.push(checkCloseUrl(config.closeUrl))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const sessions = createSessions(scope.state, sharedName(scope, config.session), config.session)
    const carrier = createCarrier(config)
    const client = await compileTypedValue(config.client, config.clientType, scope)
    const data = config.data.trim() === '' ? undefined : await compileTypedValue(config.data, config.dataType, scope)
    const absoluteMs = config.absoluteSeconds * 1000
    const refusedWired = scope.isWired?.('refused') ?? false
    const closes = config.operation === 'create' && config.closeUrl.trim() !== ''
    const closer = closes ? createHash('sha256').update(JSON.stringify([config.session, scope.node.flow, scope.node.id])).digest('base64url') : undefined
    if (closer !== undefined) {
      const janitor = openJanitor(scope, { name: sharedName(scope, config.session), closer, timeoutMs: config.closeTimeoutMs, tries: config.closeTries, close: createCloseCall(config, scope) })
      scope.onRetire(() => janitor.stop())
    }

    const clientOf = async (message: Message, run: Run): Promise<string | undefined> => {
      const value = config.client.trim() === '' ? undefined : await client.evaluate(message, run)
      return typeof value === 'number' || (typeof value === 'string' && value !== '') ? String(value) : undefined
    }
    const isCaller = isCallerOf(config)
    const ownerFor = (message: Message, run: Run, name: string | undefined) => {
      if (name === undefined) return undefined
      if (isCaller) return toOwner(message.client as MessageClient)
      return isSandboxCall(run, message) ? JSON.stringify(['sandbox', name]) : name
    }

    async function dataOf(message: Message, run: Run): Promise<{ readonly data: unknown } | undefined> {
      if (!data) return undefined
      const value = await data.evaluate(message, run)
      let text: string | undefined
      try {
        text = JSON.stringify(value)
      } catch (error) {
        throw fault('step.config', { message: `The session's data cannot be written as JSON: ${(error as Error).message}.` }, error)
      }
      const bytes = Buffer.byteLength(text ?? '')
      if (bytes > config.dataLimitBytes) throw fault('session.data_too_large', { bytes, limitBytes: config.dataLimitBytes })
      return { data: text === undefined ? undefined : (JSON.parse(text) as unknown) }
    }

    const operations: Record<SessionConfig['operation'], (message: Message, run: Run) => Promise<Message>> = {
      async create(message, run) {
        const owner = await clientOf(message, run)
        if (config.cap > 0 && owner === undefined) throw fault('step.config', { message: 'Sessions are limited per client, but nobody has made sure who calls. Put an auth node in front.' })
        const kept = await dataOf(message, run)
        const { id, handle, record } = await sessions.create({
          client: owner, owner: ownerFor(message, run, owner), data: kept?.data, idleMs: config.idleSeconds * 1000, absoluteMs, cap: config.cap, whenFull: config.whenFull,
          // The target is production's: what was tried out in the sandbox left nothing there to close.
          closer: isSandboxCall(run, message) ? undefined : closer,
        })
        run.addReplyHeader?.('Cache-Control', 'no-store')
        return carrier.give({ ...message, session: toView(handle, record) }, run, id, absoluteMs)
      },
      async validate(message, run) {
        const [id, owner] = [carrier.read(message, run), ownerFor(message, run, await clientOf(message, run))]
        const { handle, record } = await (config.slide ? sessions.touch(id, owner) : sessions.check(id, owner))
        return { ...message, session: toView(handle, record) }
      },
      async touch(message, run) {
        const [id, owner] = [carrier.read(message, run), ownerFor(message, run, await clientOf(message, run))]
        const { handle, record } = await sessions.touch(id, owner, await dataOf(message, run))
        return { ...message, session: toView(handle, record) }
      },
      async end(message, run) {
        const ended = await sessions.end(carrier.read(message, run), ownerFor(message, run, await clientOf(message, run)))
        const { session: _old, ...rest } = message
        return carrier.take(ended ? { ...rest, session: toView(ended.handle, ended.record) } : rest)
      },
    }
    const operate = operations[config.operation]

    return async function session(message, run): Promise<Sends<Port>> {
      try {
        return { ok: await operate(message, run) }
      } catch (error) {
        if (!(error instanceof Fault) || !refusals.has(error.code)) throw error
        const decided = toDecided(scope, message, run, error, { check: 'session', session: config.session, operation: config.operation, ...(error.code === 'session.limit' ? { limit: config.cap } : {}) })
        if (!refusedWired) throw decided
        const { code, status, title, message: text, facts } = decided
        const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }
        return { refused: { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts, source } } }
      }
    }
  },
})

/** Whose the sessions of a caller are: the subject of a token may be called like somebody's application, and the sandbox is apart. */
function toOwner({ id, application, environment }: Partial<MessageClient>): string {
  if (application === undefined || (application === id && environment !== 'sandbox')) return String(id)
  return JSON.stringify([application, environment, id])
}

function checkCarrier({ carrier, carrierName }: SessionConfig): NodeProblem | undefined {
  const name = carrierName.trim()
  if (name === '') return undefined
  if (carrier !== 'field') {
    return isHeaderName(name) ? undefined : { code: 'header.name', property: 'carrierName', message: `“${name}” is not a ${carrier} name.`, remedy: 'Use letters, digits and hyphens.' }
  }
  try {
    parseMessagePath(name)
    return undefined
  } catch (error) {
    if (!(error instanceof PathError)) throw error
    return { code: 'value.path', property: 'carrierName', message: error.message, remedy: 'Write it like payload.items[0].name; put other keys in brackets and quotes.' }
  }
}

/** Checks a URL whose `${NAME}`s are not known yet: each stands for some plain text. */
function checkCloseUrl(url: string): NodeProblem | undefined {
  try {
    parseCloseUrl(url.trim().replace(/^\$\{[^}]+\}(?!:\/\/)/, 'https://env.example').replace(/^\$\{[^}]+\}/, 'https'), () => '1')
    return undefined
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { code: 'session.close_url', property: 'closeUrl', message: error.message, remedy: 'Write https://host/path/{{session.data.id}}; take a host that differs between environments from a variable: https://${API_HOST}/path.' }
  }
}
