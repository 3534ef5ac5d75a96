import { type LabelRow, labelRowsSchema } from '../../runtime/core/labels/labels.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import type { JsonSchema } from '../../runtime/core/node.ts'
import { optionFields, type UpstreamOptions } from '../shared/callouts/upstream-options.ts'
import type { Pair, SandboxConfig } from './sandbox.ts'

const valueTypes = ['str', 'msg', 'jsonata', 'flow', 'global', 'env', 'num', 'bool'] as const

/** As its form says it. */
export interface ServiceCalloutConfig extends SandboxConfig, UpstreamOptions {
  /** Id of an upstream; the URL is then a path. */
  readonly upstream: string
  /** Passes the client's request and the upstream's answers through as they are. */
  readonly transparent: boolean
  readonly passCredentials: boolean
  readonly auth: string
  readonly tellBudget: 'auto' | 'yes' | 'no'
  readonly http2: boolean
  /** `stream`: the payload is a stream of bytes. */
  readonly answerAs: 'body' | 'stream'
  readonly idleMs: number
  readonly resilience: 'upstream' | 'own'
  readonly okWhen: string
  readonly mock: 'off' | 'on' | 'env'
  readonly method: (typeof methods)[number] | 'use'
  readonly url: string
  readonly query: readonly Pair[]
  readonly passQuery: boolean
  readonly headers: readonly Pair[]
  readonly bodyFrom: 'auto' | 'none' | 'payload' | 'expression'
  readonly body: string
  readonly bodyType: 'jsonata' | 'msg' | 'json' | 'str'
  readonly timeoutMs: number
  readonly expectedStatus: string
  readonly responseLimitBytes: number
  readonly redirects: number
  readonly tls: string
  /** What comes in with the answer that is about people, or secret. */
  readonly labels: readonly LabelRow[]
}

const pairs = (what: string, chinese?: object) => ({
  type: 'array',
  'x-secret': true,
  default: [],
  description: what,
  ...(chinese ? { 'x-form': { when: [{ sandbox: ['url', 'mock'] }, { mock: ['on', 'env'] }], 'zh-TW': chinese } } : {}),
  items: {
    type: 'object',
    properties: {
      name: { type: 'string', default: '', title: 'Name' },
      value: { type: 'string', default: '', title: 'Value' },
      valueType: { enum: valueTypes, default: 'str' },
    },
    required: ['name'],
  },
})

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })

export const calloutSchema: JsonSchema = {
  type: 'object',
  properties: {
    method: { enum: [...methods, 'use'], default: 'GET', description: '“use” takes msg.method.' },
    upstream: {
      type: 'string', default: '', 'x-config': 'upstream', title: 'Upstream', description: 'A service by name, with its servers and how calls stand up when they fail. The URL is then a path: /items/{{payload.id}}.',
      'x-form': zh('上游服務', '具名的服務，含其伺服器與故障處理。此時網址只寫路徑：/items/{{payload.id}}。'),
    },
    url: { type: 'string', default: '', title: 'URL', 'x-form': 'template', description: 'https://api.example.org/items/{{payload.id}}. The host is literal or from the environment: ${API_HOST}.' },
    transparent: {
      type: 'boolean', default: false, title: 'Transparent', description: 'The client’s method, query, headers and body go along as they came, and whatever the upstream answers leaves by “ok” with its headers, errors too. Headers below are added.',
      'x-form': zh('透明轉送', '用戶端的方法、查詢參數、標頭與本文原樣送出；上游的任何回應（含錯誤）都連同標頭由「ok」送出。下面的標頭會加上。'),
    },
    passCredentials: {
      type: 'boolean', default: false, title: 'Pass credentials on', description: 'Transparent: the caller’s Authorization, Cookie and API key headers go along as well.',
      'x-form': { when: { transparent: [true] }, ...zh('轉送呼叫者憑證', '透明轉送時，呼叫者的 Authorization、Cookie 與 API 金鑰標頭也一併送出。') },
    },
    query: pairs('Parameters added to the URL. Text may hold {{payload.x}}; a value that is missing leaves its parameter out, a list repeats it.'),
    passQuery: {
      type: 'boolean', default: false, title: 'Pass the query on', description: 'The caller’s query goes along as it came, without parameters that this node sets itself.',
      'x-form': { 'zh-TW': { title: '轉送查詢參數', description: '呼叫者的查詢參數原樣送出，但不含本節點自行設定的參數。' } },
    },
    headers: pairs('Headers to send. Text may hold {{payload.x}}; a value that is missing leaves its header out.'),
    bodyFrom: { enum: ['auto', 'none', 'payload', 'expression'], default: 'auto', description: 'auto: the payload for POST, PUT and PATCH, nothing for the others.' },
    body: { type: 'string', default: '', description: 'Used when the body comes from an expression.', 'x-form': { when: { bodyFrom: ['expression'] } } },
    bodyType: { enum: ['jsonata', 'msg', 'json', 'str'], default: 'jsonata' },
    labels: labelRowsSchema,
    timeoutMs: { type: 'integer', minimum: 1, default: 10_000, description: 'For the whole call; the deadline of the run applies as well.' },
    expectedStatus: { type: 'string', default: '200-299', description: 'Statuses that go to “ok”: 200-299, 404.' },
    okWhen: {
      type: 'string', default: '', title: 'Expected when', description: 'JSONata over the answer (payload, statusCode, headers), for services that say 200 to everything: payload.success = true. Empty: the status alone counts.',
      'x-form': { control: 'jsonata', ...zh('預期條件', '對回應（payload、statusCode、headers）求值的 JSONata，用於一律回 200 的服務：payload.success = true。留空：只看狀態碼。') },
    },
    responseLimitBytes: { type: 'integer', minimum: 0, default: 5_242_880, description: 'Largest answer taken, unpacked.' },
    answerAs: {
      enum: ['body', 'stream'], default: 'body', title: 'Answer as', description: 'stream: the payload passes while it comes, of any size, for a for each node that reads it item by item (NDJSON) or for the answer. Retries and timeouts hold until its first byte; its place among “most at once” is taken until its last. Redirects are not followed.',
      'x-form': { when: { transparent: [false] }, ...zh('回應方式', '串流：payload 邊收邊傳、不限大小，供 for each 逐項讀取（NDJSON）或直接回應。重試與逾時只到第一個位元組為止；同時上限的名額占用到最後一個位元組。不跟隨轉址。', { body: '完整本文', stream: '串流' }) },
    },
    idleMs: {
      type: 'integer', minimum: 100, default: 60_000, title: 'Longest silence (ms)', description: 'Within an answer that comes as a stream.',
      'x-form': { when: { answerAs: ['stream'] }, ...zh('最長靜默（毫秒）', '以串流接收的回應中，可靜默的最長時間。') },
    },
    redirects: { type: 'integer', minimum: 0, maximum: 20, default: 0, description: 'Redirects followed; 0 gives the redirect back. A node that says no number, from before, follows 5.' },
    tls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'TLS', description: 'Client certificate and trusted authorities.', 'x-form': { when: { upstream: [''] } } },
    auth: { type: 'string', default: '', 'x-config': 'callout auth', title: 'Credentials', description: 'What proves who calls. Empty: those of the upstream, if it has any.', 'x-form': zh('憑證', '證明呼叫者身分所用。留空：採用上游服務的憑證（若有）。') },
    tellBudget: {
      enum: ['auto', 'yes', 'no'], default: 'auto', title: 'Tell it the time left', description: 'X-Request-Deadline (milliseconds left) and traceparent. auto: as the upstream says; not to a URL.',
      'x-form': zh('告知剩餘時間', 'X-Request-Deadline（剩餘毫秒）與 traceparent。自動：依上游服務設定；直接寫網址時不送。', { auto: '自動', yes: '是', no: '否' }),
    },
    http2: { type: 'boolean', default: false, title: 'HTTP/2', description: 'Where the server offers it in TLS.', 'x-form': { when: { upstream: [''] }, ...zh('使用 HTTP/2', '伺服器於 TLS 提供時使用。') } },
    resilience: {
      enum: ['upstream', 'own'], default: 'upstream', title: 'When it fails', description: 'upstream: tried again as the upstream says; without one, not at all. own: as this node says.',
      'x-form': zh('故障處理', '依上游服務設定（未選擇則不重試），或由此節點設定。', { upstream: '依上游服務', own: '由此節點設定' }),
    },
    ...optionFields({ resilience: ['own'] }, { resilience: ['own'], upstream: [''] }, 0),
    mock: {
      enum: ['off', 'on', 'env'], default: 'off', title: 'Mock', description: 'The mock answer below for everybody: on; or env: where SLUICE_MOCK is “on” in the environment of the tab.',
      'x-form': zh('模擬', '對所有呼叫者使用下面的模擬回應：開啟；或僅在分頁環境變數 SLUICE_MOCK 為 on 時。', { off: '關閉', on: '開啟', env: '依環境變數' }),
    },
    sandbox: {
      enum: ['refuse', 'url', 'mock'], default: 'refuse', title: 'Sandbox callers', description: 'Callers with a sandbox credential never get to the URL above. refuse: fault sandbox.none (501). url: another address. mock: an answer that is played.',
      'x-form': { 'zh-TW': { title: '沙箱呼叫者', description: '持沙箱憑證的呼叫者絕不會連到上面的網址。拒絕：錯誤 sandbox.none（501）；另一個網址；或由節點扮演回應。', choices: { refuse: '拒絕', url: '呼叫沙箱網址', mock: '模擬回應' } } },
    },
    sandboxUrl: {
      type: 'string', default: '', title: 'Sandbox URL', description: 'url: https://sandbox.example.org/items/{{payload.id}}. Method, query and body are those above.',
      'x-form': { when: { sandbox: ['url'] }, control: 'template', 'zh-TW': { title: '沙箱網址', description: '沙箱網址：https://sandbox.example.org/items/{{payload.id}}。方法、查詢參數與本文同上。' } },
    },
    sandboxTls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'Sandbox TLS', description: 'url: client certificate for the sandbox; that of production is not shown to it.', 'x-form': { when: { sandbox: ['url'] }, 'zh-TW': { title: '沙箱 TLS', description: '沙箱網址：給沙箱用的用戶端憑證；不會使用正式環境的憑證。' } } },
    sandboxHeaders: {
      ...pairs('url: headers to send instead of those above, of which only Accept, Accept-Language and Content-Type go along. mock: headers of the answer.', { title: '沙箱標頭', description: '沙箱網址：取代上面的標頭（上面的只帶 Accept、Accept-Language、Content-Type）。模擬回應：回應的標頭。' }),
      title: 'Sandbox headers',
    },
    sandboxStatus: { type: 'integer', minimum: 200, maximum: 599, default: 200, title: 'Mock status', description: 'mock: status of the answer; one that is not expected leaves by “error”.', 'x-form': { when: [{ sandbox: ['mock'] }, { mock: ['on', 'env'] }], 'zh-TW': { title: '模擬狀態碼', description: '模擬回應：狀態碼；不在預期內者由「error」送出。' } } },
    sandboxBody: { type: 'string', default: '', title: 'Mock body', description: 'mock: what is answered, as JSON, text with {{payload.x}}, JSONata or a message property.', 'x-form': { when: [{ sandbox: ['mock'] }, { mock: ['on', 'env'] }], 'zh-TW': { title: '模擬本文', description: '模擬回應：JSON、含 {{payload.x}} 的文字、JSONata 或訊息屬性。' } } },
    sandboxBodyType: { enum: ['json', 'str', 'jsonata', 'msg'], default: 'json' },
    sandboxDelayMs: { type: 'integer', minimum: 0, maximum: 600_000, default: 0, title: 'Mock delay', description: 'mock: milliseconds before the answer; the timeout or more plays a service that does not answer.', 'x-form': { when: [{ sandbox: ['mock'] }, { mock: ['on', 'env'] }], 'zh-TW': { title: '模擬延遲', description: '模擬回應：回應前等待的毫秒數；達到逾時值即模擬服務無回應。' } } },
  },
}
