import { Body } from '../../runtime/core/http/body.ts'
import { Fault, fault } from '../../runtime/core/fault.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import type { CryptoAsk, VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import { mayUseVaultName } from '../../runtime/core/secrets/vault-name.ts'
import { compileFields, type FoundField } from '../shared/vault/vault-fields.ts'
import { vaultOf } from '../shared/vault/vault-of.ts'
import { viewerOf } from '../shared/vault/viewer-of.ts'
import { withEnv } from '../shared/with-env.ts'
import { type Content, fromContent, saidContentType, toContent } from './content.ts'
import { checkCrypto, type CryptoConfig, cryptoSchema, isBeside, isKeyName } from './crypto-config.ts'
import { labelsOfCrypto } from './crypto-labels.ts'
import { createPlace, fromCoding, toCoding } from './signature-place.ts'

/** Faults that say something of the message and not of the node: they go to the port, when it is wired. */
const ofMessage: ReadonlySet<string> = new Set(['crypto.invalid', 'crypto.signature'])

/** Encrypts, decrypts, signs and checks with keys of the vault. */
export const crypto = defineNode<CryptoConfig, 'ok' | 'invalid'>({
  type: 'crypto',
  category: 'protect',
  label: { en: 'crypto', 'zh-TW': '加解密' },
  summary: { en: 'Encrypts, decrypts, signs and verifies a body or fields with keys that never leave the vault.', 'zh-TW': '以不離開保管庫的金鑰，對本文或欄位加密、解密、簽章與驗章。' },
  icon: 'fa-key',
  color: '#C0DEED',
  outputs: ['ok', 'invalid'],
  leaks: nothing,
  labels: labelsOfCrypto,
  vaultNames: ({ key }) => [{ kind: 'key', name: key, property: 'key' }],
  faults: ['key.unknown', 'key.foreign', 'key.disabled', 'key.unfit', 'crypto.invalid', 'crypto.signature', 'field.missing', 'vault.unavailable', 'vault.too_large', 'body.malformed', 'step.config', 'expression.error'],
  config: cryptoSchema,
  check: checkCrypto,
  async compile(config, scope) {
    const { operation, cipher, signature, what, readAs, coding } = config
    const vault = vaultOf(scope)
    const key = withEnv(config.key, scope.env)
    if (!isKeyName(key)) throw fault('config.invalid', { message: `“${key}” cannot be the name of a key.`, property: 'key', remedy: 'Give the name of a key of the vault.' })
    const { organisation } = scope.node
    if (!mayUseVaultName(organisation, key)) throw fault('config.invalid', { message: `The flow is of the organisation “${organisation}”, and the key “${key}” is not.`, property: 'key', remedy: `Keys of this organisation are called ${organisation}.name, with no other dot: have one made under such a name.` })
    const isWired = scope.isWired?.('invalid') ?? false
    const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }
    const aad = cipher === 'aes-gcm' && config.aad.trim() !== '' && (operation === 'encrypt' || operation === 'decrypt') ? await compileTypedValue(config.aad, config.aadType, scope) : undefined
    const fields = what === 'fields' ? compileFields(config.property, config.fields, config.missing, config.operation === 'encrypt' ? scope.labels : undefined) : undefined
    const at = parseMessagePath(config.property)
    const isPayload = at.length === 1 && at[0] === 'payload'
    const place = createPlace(operation === 'sign' ? config.putInto : config.lookIn, config.header, config.field)
    const beside = (operation === 'sign' || operation === 'verify') && isBeside(config)

    /** What a text is bound to, as it travels. */
    async function boundTo(message: Message, run: Run): Promise<{ readonly aad?: string }> {
      if (!aad) return {}
      const value = await aad.evaluate(message, run)
      if (value === undefined || value === null || value === '') throw fault('step.config', { message: 'The crypto node is to bind the text to a value, and there is none.' })
      return { aad: encode(toContent(value).bytes) }
    }

    /** The ask that makes a text of a value. */
    function toMake({ bytes, contentType }: Content, bound: { readonly aad?: string }): CryptoAsk {
      const type = contentType === undefined ? {} : { contentType }
      if (operation === 'sign') return { do: 'sign', key, form: signature, data: encode(bytes), ...(signature === 'jws' ? type : {}) }
      return { do: 'encrypt', key, form: cipher, data: encode(bytes), ...type, ...bound, ...(cipher === 'jwe' && config.contentKey === 'dir' ? { keyManagement: 'dir' } : {}) }
    }

    /** The ask that takes a text apart; the fault when it cannot be one. */
    function toOpen(value: unknown, bound: { readonly aad?: string }, path?: string): CryptoAsk {
      const given = value instanceof Body ? (value.isJson ? value.value() : value.text()) : value
      const text = given instanceof Uint8Array ? Buffer.from(given).toString('latin1') : given
      if (typeof text !== 'string' || text === '') throw invalid(path)
      return operation === 'verify' ? { do: 'check', key, form: 'jws', data: text.trim() } : { do: 'decrypt', key, form: cipher, data: text.trim(), ...bound }
    }

    function invalid(path?: string): Fault {
      return fault(operation === 'verify' ? 'crypto.signature' : 'crypto.invalid', path === undefined ? {} : { path })
    }

    /** The value that was in a text. @throws Fault when it was changed */
    function openedValue(ask: CryptoAsk, answer: VaultAnswer | undefined, path?: string): unknown {
      const { data } = answered(answer, path)
      if (data === undefined) throw invalid(path)
      return fromContent(Buffer.from(data, 'base64url'), saidContentType(ask.data), readAs, () => invalid(path))
    }

    /** What the vault said, unless it refused or found the signature wrong. */
    function answered(answer: VaultAnswer | undefined, path?: string): { readonly data?: string; readonly version?: number } {
      if (!answer) throw fault('vault.unavailable')
      if ('fault' in answer) throw fault(answer.fault, { ...answer.facts, ...(path === undefined ? {} : { path }) })
      if ('valid' in answer && !answer.valid) throw invalid(path)
      return answer as { readonly data?: string; readonly version?: number }
    }

    async function ask(asks: readonly CryptoAsk[], run: Run): Promise<readonly VaultAnswer[]> {
      if (asks.length === 0) return []
      const viewer = viewerOf(run, scope.node.id, '')
      return vault.ask(asks.map((one) => ({ ...one, viewer })), { deadline: run.deadline })
    }

    async function workOnFields(message: Message, run: Run): Promise<Message> {
      const found: readonly FoundField<CryptoConfig['fields'][number]>[] = fields?.find(message) ?? []
      if (found.length === 0) return message
      const bound = await boundTo(message, run)
      const makes = operation === 'encrypt' || operation === 'sign'
      const asks = found.map(({ location, text }) => (makes ? toMake(toContent(location.value), bound) : toOpen(location.value, bound, text)))
      const answers = await ask(asks, run)
      return (fields as NonNullable<typeof fields>).replace(message, found.map(({ location, text }, index) => [
        location,
        makes ? answered(answers[index], text).data : openedValue(asks[index] as CryptoAsk, answers[index], text),
      ] as const))
    }

    function valueIn(message: Message): unknown {
      return isPayload ? message.payload : getProperty(message, at)
    }

    function put(message: Message, value: unknown): Message {
      return isPayload ? { ...message, payload: value } : (setProperty(message, at, value) ?? message)
    }

    async function workOnBody(message: Message, run: Run): Promise<Message> {
      const value = valueIn(message)
      if (operation === 'encrypt' || operation === 'sign') {
        const content = toContent(value)
        const [answer] = await ask([toMake(content, await boundTo(message, run))], run)
        const { data = '' } = answered(answer)
        if (!beside) return put(message, data)
        // Whoever sends it on would write the value anew; what was signed is this text.
        const signed = isPayload && content.json !== undefined ? put(message, Body.ofJsonText(content.json)) : message
        return place.put(signed, signature === 'raw' ? toCoding(data, coding) : data)
      }
      const opening = beside ? toCheckBeside(message, value, run) : toOpen(value, await boundTo(message, run))
      const [answer] = await ask([opening], run)
      const opened = beside ? message : put(message, openedValue(opening, answer))
      const { version } = answered(answer)
      return operation === 'verify' ? { ...opened, crypto: { valid: true, key, ...(version === undefined ? {} : { version }) } } : opened
    }

    function toCheckBeside(message: Message, value: unknown, run: Run): CryptoAsk {
      const written = place.find(message, run)
      const given = written === undefined ? undefined : signature === 'raw' ? fromCoding(written, coding) : written
      if (given === undefined) throw invalid()
      return { do: 'check', key, form: signature, data: encode(toContent(value).bytes), signature: given }
    }

    return async function crypto(message, run) {
      try {
        return new SentTo(0, await (what === 'fields' ? workOnFields(message, run) : workOnBody(message, run)))
      } catch (thrown) {
        if (!isWired || !(thrown instanceof Fault) || !ofMessage.has(thrown.code)) throw thrown
        const { code, status, title, message: text, facts } = thrown
        return new SentTo(1, { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts, source } })
      }
    }
  },
})

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
