import type { JsonSchema } from '../../../runtime/core/node.ts'

/** What proves to a service who calls, as its form says it. */
export interface CalloutAuthConfig {
  readonly name: string
  readonly kind: 'basic' | 'bearer' | 'oauth' | 'key'
  readonly keyIn: 'header' | 'query'
  readonly keyName: string
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientAuth: 'basic' | 'body'
  readonly scope: string
  readonly audience: string
  readonly tls: string
  /** `api.example.org`, with `:port` if need be, `*.example.org`; none: wherever their flow says. */
  readonly hosts: readonly string[]
}

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })
const oauth = { when: { kind: ['oauth'] } }
const key = { when: { kind: ['key'] } }
const secretHint = { en: 'Kept apart from the flow; or a secret of the vault: {{secret:name}}; or a variable of the environment: ${NAME}.', 'zh-TW': '與流程分開保存；或保管庫的密鑰：{{secret:name}}；或環境變數：${NAME}。' }

export const calloutAuthSchema: JsonSchema = {
  type: 'object',
  'x-credentials': {
    user: { label: { en: 'User', 'zh-TW': '使用者' }, when: { kind: ['basic'] } },
    password: { label: { en: 'Password', 'zh-TW': '密碼' }, hint: secretHint, when: { kind: ['basic'] } },
    token: { label: { en: 'Token', 'zh-TW': '權杖' }, hint: secretHint, when: { kind: ['bearer'] } },
    clientSecret: { label: { en: 'Client secret', 'zh-TW': '用戶端密碼' }, hint: secretHint, when: { kind: ['oauth'] } },
    apiKey: { label: { en: 'API key', 'zh-TW': 'API 金鑰' }, hint: secretHint, when: { kind: ['key'] } },
  },
  properties: {
    name: { type: 'string', default: '', maxLength: 100, title: 'Name', description: 'As it is listed.', 'x-form': zh('名稱', '清單中顯示的名稱。') },
    kind: {
      enum: ['basic', 'bearer', 'oauth', 'key'], default: 'bearer', title: 'Kind', description: 'basic: user and password. bearer: a fixed token. oauth: tokens by client credentials (RFC 6749 §4.4), kept until shortly before they expire. key: an API key.',
      'x-form': zh('種類', '使用者與密碼；固定權杖；以用戶端憑證取得並保存至到期前的權杖；API 金鑰。', { basic: 'Basic', bearer: 'Bearer 權杖', oauth: 'OAuth 2.0 用戶端憑證', key: 'API 金鑰' }),
    },
    hosts: {
      type: 'array', maxItems: 100, items: { type: 'string' }, default: [], title: 'May be sent to', description: 'Hosts of services: api.example.org, api.example.org:8443, *.example.org. Flows of organisations use credentials that are shared by all only where they are listed.',
      'x-form': { control: 'list', ...zh('可送往', '服務的主機：api.example.org、api.example.org:8443、*.example.org。全體共用的憑證，組織的流程只能送往此處所列。') },
    },
    keyIn: { enum: ['header', 'query'], default: 'header', title: 'Where', description: 'key: in a header, or in the query.', 'x-form': { ...key, ...zh('位置', 'API 金鑰：放在標頭或查詢參數。', { header: '標頭', query: '查詢參數' }) } },
    keyName: { type: 'string', default: 'X-API-Key', title: 'Name of the key', description: 'key: header or parameter it stands in.', 'x-form': { ...key, ...zh('金鑰名稱', 'API 金鑰：標頭或參數名稱。') } },
    tokenUrl: { type: 'string', default: '', title: 'Token endpoint', description: 'oauth: https://auth.example.org/token.', 'x-form': { ...oauth, ...zh('權杖端點', 'OAuth：https://auth.example.org/token。') } },
    clientId: { type: 'string', default: '', title: 'Client id', description: 'oauth: as the token endpoint knows this gateway.', 'x-form': { ...oauth, ...zh('用戶端代號', 'OAuth：權杖端點所知的代號。') } },
    clientAuth: { enum: ['basic', 'body'], default: 'basic', title: 'Id and secret go', description: 'oauth: in an Authorization header, or in the body.', 'x-form': { ...oauth, ...zh('代號與密碼放在', 'OAuth：Authorization 標頭或本文。', { basic: 'Authorization 標頭', body: '本文' }) } },
    scope: { type: 'string', default: '', title: 'Scope', description: 'oauth: scopes asked for, separated by spaces.', 'x-form': { ...oauth, ...zh('範圍', 'OAuth：要求的範圍，以空白分隔。') } },
    audience: { type: 'string', default: '', title: 'Audience', description: 'oauth: sent as audience, where the server wants one.', 'x-form': { ...oauth, ...zh('對象', 'OAuth：伺服器需要時以 audience 送出。') } },
    tls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'TLS', description: 'oauth: client certificate and trusted authorities for the token endpoint.', 'x-form': { ...oauth, ...zh('TLS', 'OAuth：權杖端點所用的用戶端憑證與信任的憑證機構。') } },
  },
}
