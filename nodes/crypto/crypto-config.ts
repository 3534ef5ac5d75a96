import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import type { JsonSchema, NodeProblem } from '../../runtime/core/node.ts'
import { checkTypedValue, type ValueType } from '../../runtime/core/values/typed-value.ts'
import { checkFields, missingSchema, pathSchema } from '../shared/vault/vault-fields.ts'
import type { ReadAs } from './content.ts'
import type { SignatureCoding } from './signature-place.ts'

export interface CryptoConfig {
  readonly operation: 'encrypt' | 'decrypt' | 'sign' | 'verify'
  readonly cipher: 'jwe' | 'aes-gcm'
  readonly signature: 'jws' | 'jws-detached' | 'raw'
  readonly key: string
  readonly what: 'body' | 'fields'
  readonly property: string
  readonly fields: readonly { readonly path: string }[]
  readonly missing: 'ignore' | 'refuse'
  readonly contentKey: 'wrapped' | 'dir'
  readonly aad: string
  readonly aadType: ValueType
  readonly putInto: 'header' | 'field'
  readonly lookIn: 'request' | 'message' | 'field'
  readonly header: string
  readonly field: string
  readonly coding: SignatureCoding
  readonly readAs: ReadAs
}

/** What stands beside a body and not in its place. */
export function isBeside({ signature }: Pick<CryptoConfig, 'signature'>): boolean {
  return signature !== 'jws'
}

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })
const beside = ['jws-detached', 'raw']

export const cryptoSchema: JsonSchema = {
  type: 'object',
  required: ['key'],
  properties: {
    operation: { enum: ['encrypt', 'decrypt', 'sign', 'verify'], default: 'encrypt', title: 'Operation', 'x-form': zh('動作', '', { encrypt: '加密', decrypt: '解密', sign: '簽章', verify: '驗章' }) },
    cipher: {
      enum: ['jwe', 'aes-gcm'], default: 'jwe', title: 'Form', description: 'jwe: compact JWE, which others can read with the same or the private key. aes-gcm: short text for our own use, AES keys only.',
      'x-form': { when: { operation: ['encrypt', 'decrypt'] }, ...zh('格式', 'jwe：精簡格式 JWE，持有金鑰的他人也能讀取。aes-gcm：較短，僅供自用，限 AES 金鑰。') },
    },
    signature: {
      enum: ['jws', 'jws-detached', 'raw'], default: 'jws', title: 'Form', description: 'jws: compact JWS with the content in it. jws-detached: the content stays as it is, the signature goes beside it (RFC 7797). raw: the bytes of the signature alone.',
      'x-form': { when: { operation: ['sign', 'verify'] }, ...zh('格式', 'jws：內容包含其中的精簡格式 JWS。jws-detached：內容不變，簽章另置（RFC 7797）。raw：僅簽章位元組。') },
    },
    key: { type: 'string', default: '', title: 'Key', description: 'Its name in the vault. ${NAME} is taken from the environment.', 'x-form': zh('金鑰', '金鑰在保管庫中的名稱。${NAME} 取自環境變數。') },
    what: { enum: ['body', 'fields'], default: 'body', title: 'Of', description: 'The whole value, or fields of it.', 'x-form': zh('對象', '整個值，或其中的欄位。', { body: '整體', fields: '欄位' }) },
    property: { type: 'string', default: 'payload', minLength: 1, title: 'In', description: 'Property of the message; “$” in a path is its value.', 'x-form': zh('位於', '訊息屬性；路徑中的「$」即為其值。') },
    fields: {
      type: 'array', default: [], title: 'Fields', description: 'JSONPath (RFC 9535), such as $.people[*].id.',
      'x-form': { when: { what: ['fields'] }, ...zh('欄位', 'JSONPath（RFC 9535），例如 $.people[*].id。') },
      items: { type: 'object', required: ['path'], properties: { path: pathSchema } },
    },
    missing: { ...missingSchema, 'x-form': { when: { what: ['fields'] }, ...(missingSchema['x-form'] as object) } },
    contentKey: {
      enum: ['wrapped', 'dir'], default: 'wrapped', title: 'Key of the content', description: 'wrapped: a new one for each text, wrapped by the key. dir: the key itself; AES keys only.',
      'x-form': { when: { operation: ['encrypt'], cipher: ['jwe'] }, ...zh('內容金鑰', 'wrapped：每份內容各用新的金鑰，再以此金鑰包裝。dir：直接使用此金鑰，限 AES 金鑰。', { wrapped: '包裝', dir: '直接' }) },
    },
    aad: {
      type: 'string', default: '', title: 'Bound to', description: 'What the text is bound to, such as payload.orderId: with another value it does not open. Empty: nothing.',
      'x-form': { when: { operation: ['encrypt', 'decrypt'], cipher: ['aes-gcm'] }, ...zh('綁定', '密文所綁定的值，例如 payload.orderId；值不同即無法解開。空白：不綁定。') },
    },
    aadType: { enum: ['msg', 'str', 'jsonata', 'env'], default: 'msg' },
    putInto: {
      enum: ['header', 'field'], default: 'header', title: 'Signature goes into', description: 'A header of msg.headers, which the next callout or answer sends, or a property of the message.',
      'x-form': { when: { operation: ['sign'], signature: beside }, ...zh('簽章放入', 'msg.headers 的標頭（由下一個呼叫或回應送出），或訊息屬性。', { header: '標頭', field: '訊息屬性' }) },
    },
    lookIn: {
      enum: ['request', 'message', 'field'], default: 'request', title: 'Signature is in', description: 'A header of the request, a header of msg.headers (the answer of a callout), or a property of the message.',
      'x-form': { when: { operation: ['verify'], signature: beside }, ...zh('簽章位於', '請求的標頭、msg.headers 的標頭（呼叫所得的回應），或訊息屬性。', { request: '請求標頭', message: '訊息標頭', field: '訊息屬性' }) },
    },
    header: {
      type: 'string', default: 'X-JWS-Signature', title: 'Header',
      'x-form': { when: [{ operation: ['sign'], signature: beside, putInto: ['header'] }, { operation: ['verify'], signature: beside, lookIn: ['request', 'message'] }], ...zh('標頭', '') },
    },
    field: {
      type: 'string', default: 'signature', title: 'Property', description: 'Of the message: signature, payload.signature.',
      'x-form': { when: [{ operation: ['sign'], signature: beside, putInto: ['field'] }, { operation: ['verify'], signature: beside, lookIn: ['field'] }], ...zh('屬性', '訊息屬性：signature、payload.signature。') },
    },
    coding: {
      enum: ['base64url', 'base64', 'hex'], default: 'base64url', title: 'Written as',
      'x-form': { when: { operation: ['sign', 'verify'], signature: ['raw'] }, ...zh('編碼', '') },
    },
    readAs: {
      enum: ['auto', 'json', 'text', 'bytes'], default: 'auto', title: 'Read as', description: 'auto: by the content type that was given when it was encrypted or signed.',
      'x-form': { when: [{ operation: ['decrypt'] }, { operation: ['verify'], signature: ['jws'] }], ...zh('解讀為', 'auto：依加密或簽章時所給的內容類型。', { auto: '自動', json: 'JSON', text: '文字', bytes: '位元組' }) },
    },
  },
}

/** What the schema cannot say. */
export function checkCrypto(config: CryptoConfig): readonly NodeProblem[] {
  const problems: (NodeProblem | undefined)[] = []
  const signs = config.operation === 'sign' || config.operation === 'verify'
  if (!isKeyName(config.key) && !config.key.includes('${')) {
    problems.push({ code: 'crypto.key', property: 'key', message: config.key.trim() === '' ? 'The node names no key.' : `“${config.key}” cannot be the name of a key.`, remedy: 'Give the name of a key of the vault.' })
  }
  if (config.what === 'fields' && signs && isBeside(config)) {
    problems.push({ code: 'crypto.fields', property: 'signature', message: `A signature of the form ${config.signature} stands beside a body; it cannot stand in place of a field.`, remedy: 'Choose jws for fields, or sign the whole value.' })
  }
  if (config.what === 'fields') problems.push(...checkFields(config.property, config.fields))
  else problems.push(checkTypedValue(config.property, 'msg', 'property'))
  if (config.operation === 'encrypt' || config.operation === 'decrypt') {
    if (config.aad.trim() !== '') problems.push(config.cipher === 'jwe' ? { code: 'crypto.aad', property: 'aad', message: 'A compact JWE cannot be bound to a value.', remedy: 'Choose aes-gcm, or leave the value out.' } : checkTypedValue(config.aad, config.aadType, 'aad'))
  } else if (isBeside(config)) {
    const inHeader = config.operation === 'sign' ? config.putInto === 'header' : config.lookIn !== 'field'
    if (!inHeader) problems.push(checkTypedValue(config.field, 'msg', 'field'), samePlace(config))
    else if (!isHeaderName(config.header)) problems.push({ code: 'crypto.header', property: 'header', message: `“${config.header}” cannot be the name of a header.`, remedy: 'Use letters, digits and hyphens: X-JWS-Signature.' })
  }
  return problems.filter((problem) => problem !== undefined)
}

/** Names of keys, as the vault takes them. */
export function isKeyName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)
}

/** A signature that is put into what it signs fits nothing any more. */
function samePlace({ field, property }: CryptoConfig): NodeProblem | undefined {
  const [into, of] = [field, property].map((text) => text.replace(/^msg\./, '')) as [string, string]
  if (into !== of && !into.startsWith(`${of}.`) && !into.startsWith(`${of}[`)) return undefined
  return { code: 'crypto.place', property: 'field', message: `The signature would lie in msg.${of}, which is what it signs.`, remedy: 'Choose a property outside, such as signature.' }
}
