import type { JsonSchema } from '../../runtime/core/node.ts'

export interface ValidateConfig {
  /** A request of a caller, or an answer of an upstream. */
  readonly side: 'request' | 'answer'
  readonly by: 'schemas' | 'operation'
  /** JSON text of an OpenAPI operation, with `components` beside its own keys. */
  readonly operation: string
  /** JSON texts of JSON Schemas; empty: not looked at. */
  readonly body: string
  readonly query: string
  readonly params: string
  readonly headers: string
  readonly cookies: string
  /** Message property that is the body. */
  readonly property: string
  readonly bodyRequired: boolean
  readonly coerce: boolean
  readonly unknownQuery: 'pass' | 'refuse'
  readonly formats: boolean
  readonly errorsAtMost: number
}

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })
const schemaText = (title: string, description: string, titleZh: string, descriptionZh: string, when: Readonly<Record<string, readonly string[]>>) =>
  ({ type: 'string', default: '', title, description, 'x-form': { control: 'multiline', when: { by: ['schemas'], ...when }, ...zh(titleZh, descriptionZh) } }) as const

export const validateSchema: JsonSchema = {
  type: 'object',
  properties: {
    side: {
      enum: ['request', 'answer'], default: 'request', title: 'What', description: 'The request of the caller, or the answer of an upstream that stands in the message: msg.payload, msg.headers, msg.statusCode.',
      'x-form': zh('對象', '呼叫端的請求，或訊息中上游服務的回應：msg.payload、msg.headers、msg.statusCode。', { request: '請求', answer: '上游的回應' }),
    },
    by: {
      enum: ['schemas', 'operation'], default: 'schemas', title: 'By',
      description: 'A JSON Schema (2020-12) for each part, or an operation of an OpenAPI document.',
      'x-form': zh('依據', '每個部分各用一份 JSON Schema（2020-12），或使用 OpenAPI 文件中的一個操作。', { schemas: 'JSON Schema', operation: 'OpenAPI 操作' }),
    },
    operation: {
      type: 'string', default: '', title: 'Operation', description: 'JSON of one operation: parameters, requestBody, responses, with “components” beside them for what $ref leads to. “openapi”: "3.0.3" when it is written for 3.0.',
      'x-form': { control: 'multiline', when: { by: ['operation'] }, ...zh('操作', '單一操作的 JSON：parameters、requestBody、responses，$ref 指向的內容放在同層的 components。以 3.0 撰寫時加上 "openapi": "3.0.3"。') },
    },
    body: schemaText('Body', 'JSON Schema of the body. Empty: not looked at.', '本文', '本文的 JSON Schema。留空則不檢查。', {}),
    query: schemaText('Query', 'JSON Schema of the query as an object.', '查詢參數', '查詢參數（物件）的 JSON Schema。', { side: ['request'] }),
    params: schemaText('Path parameters', 'JSON Schema of the path parameters as an object.', '路徑參數', '路徑參數（物件）的 JSON Schema。', { side: ['request'] }),
    headers: schemaText('Headers', 'JSON Schema of the headers as an object; names in lower case.', '標頭', '標頭（物件，名稱小寫）的 JSON Schema。', {}),
    cookies: schemaText('Cookies', 'JSON Schema of the cookies as an object.', 'Cookie', 'Cookie（物件）的 JSON Schema。', { side: ['request'] }),
    property: { type: 'string', default: 'payload', title: 'Body is', description: 'Message property.', 'x-form': { when: { by: ['schemas'] }, ...zh('本文位置', '訊息屬性。') } },
    bodyRequired: { type: 'boolean', default: true, title: 'Body required', description: 'A request without a body does not fit.', 'x-form': { when: { by: ['schemas'] }, ...zh('必須有本文', '沒有本文的請求視為不符。') } },
    coerce: {
      type: 'boolean', default: true, title: 'Make types', description: 'Text of query, path, headers, cookies and forms becomes numbers, true and false, and lists where the schema asks for them; defaults of parameters are filled in. Behind the node msg.req.query.page is 5.',
      'x-form': { when: { side: ['request'] }, ...zh('轉換型別', '依 schema 將查詢、路徑、標頭、Cookie 與表單的文字轉為數字、布林值與陣列，並補上參數預設值。之後 msg.req.query.page 即為數字 5。') },
    },
    unknownQuery: {
      enum: ['pass', 'refuse'], default: 'pass', title: 'Unknown query parameters', description: 'Those that the operation does not name.',
      'x-form': { when: { by: ['operation'], side: ['request'] }, ...zh('未列出的查詢參數', '操作中沒有列出的參數。', { pass: '放行', refuse: '拒絕' }) },
    },
    formats: { type: 'boolean', default: true, title: 'Check formats', description: '“format” of texts and numbers: date-time, email, uuid, int32 and the like.', 'x-form': zh('檢查格式', '文字與數字的 format：date-time、email、uuid、int32 等。') },
    errorsAtMost: { type: 'integer', minimum: 1, maximum: 100, default: 20, title: 'Errors at most', description: 'How many are named in the answer.', 'x-form': zh('錯誤上限', '回應中最多列出幾項錯誤。') },
  },
}
