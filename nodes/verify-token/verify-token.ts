import { refuseCall } from '../../runtime/core/access/decision.ts'
import { fault, type Fault } from '../../runtime/core/fault.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { labelsOfNames } from '../../runtime/core/labels/names.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import { checkTypedValue, compileTypedValue, type ValueType } from '../../runtime/core/values/typed-value.ts'
import type { Viewer } from '../../runtime/core/secrets/vault.ts'
import { checkDomain, toVaultValue } from '../shared/vault/vault-fields.ts'
import { refusalOf, vaultOf } from '../shared/vault/vault-of.ts'
import { viewerOf } from '../shared/vault/viewer-of.ts'

type Port = 'same' | 'different' | 'out'

export interface VerifyTokenConfig {
  readonly domain: string
  readonly token: string
  readonly tokenType: ValueType
  readonly value: string
  readonly valueType: ValueType
  readonly answer: 'ports' | 'property'
  readonly into: string
  /** What the comparison is for; into the record of reveals, with the rest. */
  readonly purpose: string
}

const types = ['msg', 'str', 'jsonata', 'env'] as const
const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })

/** Says whether a token is the one of a value, and shows nothing. */
export const verifyToken = defineNode<VerifyTokenConfig, Port>({
  type: 'verify token',
  category: 'protect',
  label: { en: 'verify token', 'zh-TW': '核對代碼' },
  summary: { en: 'Says whether a token stands for a value, without revealing it.', 'zh-TW': '核對代碼是否代表某個值，而不揭露該值。' },
  icon: 'fa-check-square-o',
  color: '#C0DEED',
  outputs: ({ answer }) => (answer === 'property' ? ['out'] : ['same', 'different']),
  labels: ({ answer, into }, input) => (answer === 'property' ? input.and(labelsOfNames(into, input)) : input),
  leaks: nothing,
  chooses: true,
  vaultNames: ({ domain }) => [{ kind: 'domain', name: domain, property: 'domain' }],
  faults: ['vault.unavailable', 'vault.too_large', 'field.missing', 'domain.unknown', 'domain.foreign', 'domain.shredded', 'verify.too_many', 'step.config'],
  config: {
    type: 'object',
    properties: {
      domain: { type: 'string', default: '', title: 'Domain', description: 'Of the token.', 'x-form': zh('網域', '代碼所屬的網域。') },
      token: { type: 'string', default: 'payload.token', title: 'Token', 'x-form': zh('代碼', '') },
      tokenType: { enum: types, default: 'msg' },
      value: { type: 'string', default: 'payload.value', title: 'Value', description: 'What it should stand for.', 'x-form': zh('值', '代碼應代表的值。') },
      valueType: { enum: types, default: 'msg' },
      purpose: { type: 'string', default: '', maxLength: 128, title: 'Purpose', description: 'What the comparison is for. It goes into the record, and may be left out.', 'x-form': zh('目的', '核對的目的，會寫入紀錄；可留空。') },
      answer: {
        enum: ['ports', 'property'], default: 'ports', title: 'Answer', description: 'ports: leaves by one of two. property: true or false on the message.',
        'x-form': zh('結果', '輸出：由兩個輸出之一離開；屬性：於訊息寫入 true 或 false。', { ports: '輸出', property: '屬性' }),
      },
      into: { type: 'string', default: 'payload.same', minLength: 1, title: 'Into', description: 'Property of the message that gets true or false.', 'x-form': { when: { answer: ['property'] }, ...zh('寫入', '接收 true 或 false 的訊息屬性。') } },
    },
  },
  check(config) {
    return [
      checkDomain(config.domain, 'domain', 'The node'),
      checkTypedValue(config.token, config.tokenType, 'token'),
      checkTypedValue(config.value, config.valueType, 'value'),
      config.answer === 'property' ? checkTypedValue(config.into, 'msg', 'into') : undefined,
    ].filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const vault = vaultOf(scope)
    const token = await compileTypedValue(config.token, config.tokenType, scope)
    const value = await compileTypedValue(config.value, config.valueType, scope)
    const into = parseMessagePath(config.into)

    /** A client that was wrong too often, as a refusal that people can look up. */
    function toTooMany({ code, facts, headers }: Fault, run: Run, { client, purpose }: Viewer): Fault {
      const passesAtMs = typeof facts.retryAfter === 'number' ? scope.clock.now() + facts.retryAfter * 1000 : undefined
      const check = { check: 'comparisons', passed: false, domain: facts.domain, ...(purpose === '' ? {} : { purpose }), ...(passesAtMs === undefined ? {} : { passesAtMs }) }
      return refuseCall(scope, run, { code: code as 'verify.too_many', facts, headers, checks: [check], application: client, passesAtMs })
    }

    async function isSame(message: Message, run: Run): Promise<boolean> {
      const [shown, meant] = [await token.evaluate(message, run), await value.evaluate(message, run)]
      if (shown === undefined || shown === null) throw fault('field.missing', { path: config.token })
      if (meant === undefined || meant === null) throw fault('field.missing', { path: config.value })
      if (typeof shown !== 'string') return false
      const viewer = viewerOf(run, scope.node.id, config.purpose)
      const [answer] = await vault.ask([{ do: 'verify', domain: config.domain, token: shown, ...toVaultValue(meant), viewer }], { deadline: run.deadline })
      const refused = answer && refusalOf(answer, config.token)
      // No token, or none any more, stands for no value.
      if (refused && refused.code !== 'token.unknown' && refused.code !== 'token.expired') throw refused.code === 'verify.too_many' ? toTooMany(refused, run, viewer) : refused
      return answer !== undefined && 'same' in answer && answer.same
    }

    return async function verifyToken(message, run) {
      const same = await isSame(message, run)
      if (config.answer === 'ports') return same ? { same: message } : { different: message }
      const changed = setProperty(message, into, same)
      if (changed === undefined) throw fault('step.config', { message: `The message has no place “${config.into}” for the answer.` })
      return { out: changed }
    }
  },
})
