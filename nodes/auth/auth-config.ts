import type { JsonSchema } from '../../runtime/core/node.ts'

export const kinds = ['key header', 'key query', 'basic', 'jwt', 'introspection', 'signature', 'sign code', 'certificate'] as const

export interface AuthConfig {
  /** Any of them lets in; tried in this order. */
  readonly methods: readonly { readonly kind: (typeof kinds)[number]; readonly name: string }[]
  readonly issuers: readonly {
    readonly issuer: string
    readonly audience: string
    readonly algorithms: string
    readonly jwksUrl: string
    readonly jwks: string
  }[]
  readonly introspection?: { readonly url: string; readonly issuer?: string; readonly audience?: string; readonly cacheSeconds?: number }
  /** Headers that a signature must cover. */
  readonly signedHeaders: readonly string[]
  readonly scopes: readonly string[]
  readonly clearances: readonly string[]
  readonly unknownSubjects: 'refuse' | 'accept'
  readonly realm: string
  readonly hideCredential: boolean
}

/** A field that means something with some of the methods only. */
const withMethods = (...wanted: readonly (typeof kinds)[number][]) => ({ when: { 'methods.kind': wanted } })

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })

const shownKinds = {
  'key header': '標頭中的 API 金鑰', 'key query': '查詢參數中的 API 金鑰', basic: 'Basic 帳號密碼', jwt: 'Bearer 權杖（JWT）', introspection: 'Bearer 權杖（查驗）',
  signature: 'HTTP 訊息簽章', 'sign code': 'SignCode 簽章碼', certificate: '用戶端憑證',
} as const

export const authSchema: JsonSchema = {
  type: 'object',
  'x-credentials': {
    introspectionClientId: { label: { en: 'Client id for introspection', 'zh-TW': '查驗用的用戶端代號' }, ...withMethods('introspection') },
    introspectionClientSecret: { label: { en: 'Client secret for introspection', 'zh-TW': '查驗用的用戶端密碼' }, ...withMethods('introspection') },
  },
  properties: {
    methods: {
      type: 'array',
      minItems: 1,
      default: [{ kind: 'key header', name: 'x-api-key' }],
      title: 'Methods',
      description: 'Any of them lets a caller in. They are tried in this order. Name: of the header or query parameter that carries a key.',
      'x-form': zh('驗證方式', '任何一種通過即可，依此順序嘗試。名稱：攜帶金鑰的標頭或查詢參數名稱。'),
      items: {
        type: 'object',
        properties: {
          kind: {
            enum: kinds, default: 'key header', title: 'Method',
            'x-form': zh('方式', '', shownKinds),
          },
          name: { type: 'string', default: '', title: 'Name', 'x-form': { when: { kind: ['key header', 'key query'] }, ...zh('名稱', '') } },
        },
        required: ['kind'],
      },
    },
    issuers: {
      type: 'array',
      default: [],
      title: 'Token issuers',
      description: 'Whose JWTs are taken. Audience and algorithms (RS256, ES256 …) are lists with commas. Keys come from the URL of a JWK set, from a pasted JWK set, or, with neither, from where the issuer’s discovery document says.',
      'x-form': { ...withMethods('jwt'), ...zh('權杖簽發者', '接受哪些簽發者的 JWT。對象（aud）與演算法（RS256、ES256…）以逗號分隔。金鑰來自 JWK 集網址、貼上的 JWK 集；兩者皆空時依簽發者的探索文件。') },
      items: {
        type: 'object',
        properties: {
          issuer: { type: 'string', default: '', title: 'Issuer', 'x-form': zh('簽發者', '') },
          audience: { type: 'string', default: '', title: 'Audience', 'x-form': zh('對象', '') },
          algorithms: { type: 'string', default: 'RS256', title: 'Algorithms', 'x-form': zh('演算法', '') },
          jwksUrl: { type: 'string', default: '', title: 'JWK set URL', 'x-form': zh('JWK 集網址', '') },
          jwks: { type: 'string', default: '', title: 'JWK set', 'x-form': zh('JWK 集', '') },
        },
      },
    },
    introspection: {
      type: 'object',
      title: 'Introspection',
      description: 'Ask the issuer of opaque tokens. Client id and secret stand below.',
      'x-form': { control: 'group', ...withMethods('introspection'), ...zh('權杖查驗', '向簽發者查驗不透明權杖。用戶端代號與密碼在下方的憑證欄位。') },
      properties: {
        url: { type: 'string', title: 'Endpoint', description: 'Such as https://auth.example.org/introspect.', 'x-form': zh('端點', '例如 https://auth.example.org/introspect。') },
        issuer: { type: 'string', title: 'Issuer', description: 'Under which the records know the clients; empty: what the answer says.', 'x-form': zh('簽發者', '紀錄中用戶端所屬的簽發者；空白時依回應所述。') },
        audience: { type: 'string', title: 'Audience', description: 'A list with commas, of which the token must name one; empty: not looked at.', 'x-form': zh('對象', '以逗號分隔，權杖須列出其一；空白則不檢查。') },
        cacheSeconds: { type: 'integer', minimum: 0, maximum: 600, title: 'An answer is believed for (seconds)', description: 'Empty: 30. A revoked token lives so much longer.', 'x-form': zh('回應的有效秒數', '空白為 30。遭撤銷的權杖最多再存活這麼久。') },
      },
      required: ['url'],
    },
    signedHeaders: {
      type: 'array', items: { type: 'string' }, default: [], title: 'Signed headers',
      description: 'Headers that signatures must cover, besides method, path, query, body digest, time and nonce.',
      'x-form': { control: 'list', ...withMethods('signature', 'sign code'), ...zh('須簽章的標頭', '除方法、路徑、查詢、內容摘要、時間與隨機碼外，簽章還必須涵蓋的標頭。') },
    },
    scopes: {
      type: 'array', items: { type: 'string' }, default: [], title: 'Scopes', description: 'The caller’s token must have all of them.',
      'x-form': { control: 'list', ...withMethods('jwt', 'introspection'), ...zh('權限範圍', '呼叫者的權杖須全部具備。') },
    },
    clearances: {
      type: 'array', items: { type: 'string' }, default: [], title: 'Clearances', description: 'The caller’s record must have one of these labels. Empty: not looked at.',
      'x-form': { control: 'list', ...zh('安全等級', '呼叫者的紀錄須具有其中一個標籤；空白則不檢查。') },
    },
    unknownSubjects: {
      enum: ['refuse', 'accept'], default: 'refuse', title: 'Valid tokens of unknown clients', description: 'accept: let in without a record, so without client rules; an API record’s subscription is still asked for.',
      'x-form': { ...withMethods('jwt', 'introspection'), ...zh('未登錄用戶端的有效權杖', '接受：無紀錄亦放行，因此不套用用戶端規則；API 紀錄要求的訂閱仍須具備。', { refuse: '拒絕', accept: '接受' }) },
    },
    realm: { type: 'string', default: 'api', title: 'Realm', description: 'Shown in WWW-Authenticate.', 'x-form': zh('領域', '顯示於 WWW-Authenticate。') },
    hideCredential: {
      type: 'boolean', default: true, title: 'Hide the credential', description: 'Later nodes do not see the header or query parameter that carries it.',
      'x-form': zh('隱藏憑證', '後續節點看不到攜帶憑證的標頭或查詢參數。'),
    },
  },
}
