import { refuseCall } from '../../runtime/core/access/decision.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import { checkName, labelsOfRows, nothing } from '../../runtime/core/labels/labels.ts'
import { reveal } from '../../runtime/core/labels/protect.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { VaultAnswer, VaultAsk, Viewer } from '../../runtime/core/secrets/vault.ts'
import type { FoundField } from '../shared/vault/vault-fields.ts'
import { checkDomain, checkFields, compileFields, domainNames, missingSchema, pathSchema, propertySchema, toField } from '../shared/vault/vault-fields.ts'
import { refusalOf, vaultOf } from '../shared/vault/vault-of.ts'
import { viewerOf } from '../shared/vault/viewer-of.ts'

const instead = ['refuse', 'token', 'mask'] as const

export interface DetokenizeConfig {
  readonly property: string
  readonly domain: string
  readonly purpose: string
  readonly fields: readonly RevealRow[]
  readonly missing: 'ignore' | 'refuse'
  /** Data label that the values carry from here on; empty: the one that they had before this flow tokenized them. */
  readonly label: string
}

export interface RevealRow {
  readonly path: string
  /** Empty: the node's. */
  readonly domain: string
  /** What stands there when the client may not see the value. */
  readonly denied: (typeof instead)[number]
  /** What stands there when it is no token, or none any more. */
  readonly gone: (typeof instead)[number]
}

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })
const shownInstead = { refuse: '拒絕', token: '保留代碼', mask: '遮罩' }

/** As long for every value: a mask says nothing of what it hides. */
const masked = '********'

/** Puts values back in place of their tokens, for clients that may see them. */
export const detokenize = defineNode<DetokenizeConfig, 'out'>({
  type: 'detokenize',
  category: 'protect',
  label: { en: 'detokenize', 'zh-TW': '還原代碼' },
  summary: { en: 'Puts values back in place of tokens, for clients with clearance and grant; every look is on record.', 'zh-TW': '為具備許可等級與授權的用戶端將代碼還原為原值；每次查看都有紀錄。' },
  icon: 'fa-eye',
  color: '#C0DEED',
  outputs: ['out'],
  leaks: nothing,
  startsLabels: () => true,
  labels({ property, fields, label, purpose }, input, { node }) {
    const rows = fields.map((row) => toField(property, row))
    const given = labelsOfRows(rows.map(({ field }) => ({ path: field, label: label || 'revealed' })), { node })
    // Without a label they may leave: they were revealed to the client, and to nobody who looks on.
    const shown = given.map((entry) => ({ ...entry, protection: { by: 'released', flow: node.flow, node: node.id, reason: purpose.trim() } }))
    return reveal(input, rows, 'token').and(label === '' ? shown : given)
  },
  vaultNames: ({ domain, fields }) => domainNames(domain, fields),
  faults: ['vault.unavailable', 'vault.too_large', 'field.missing', 'domain.unknown', 'domain.foreign', 'domain.shredded', 'detoken.denied', 'token.unknown', 'token.expired', 'body.malformed'],
  config: {
    type: 'object',
    properties: {
      property: propertySchema,
      domain: { type: 'string', default: '', title: 'Domain', description: 'Of the tokens. Rows may name another.', 'x-form': zh('網域', '代碼所屬的網域。各列可另行指定。') },
      purpose: { type: 'string', default: '', maxLength: 128, title: 'Purpose', description: 'What the values are for, as the grant of the client says it: delivery. It goes into the record.', 'x-form': zh('目的', '取用這些值的目的，須與用戶端的授權一致，例如 delivery；會寫入紀錄。') },
      fields: {
        type: 'array', default: [], title: 'Fields',
        description: 'Path: JSONPath (RFC 9535) such as $.people[*].id. Denied: what becomes of the field when the client may not see the value (403 detoken.denied). Gone: when it is no token (404 token.unknown), or none any more (410 token.expired).',
        'x-form': zh('欄位', '路徑：JSONPath（RFC 9535），例如 $.people[*].id。無權時：用戶端無權查看時如何處理（403 detoken.denied）。失效時：不是代碼（404 token.unknown）或代碼已失效（410 token.expired）時如何處理。'),
        items: {
          type: 'object',
          required: ['path'],
          properties: {
            path: pathSchema,
            domain: { type: 'string', default: '', title: 'Domain', 'x-form': zh('網域', '') },
            denied: { enum: instead, default: 'refuse', title: 'Denied', 'x-form': zh('無權時', '', shownInstead) },
            gone: { enum: instead, default: 'refuse', title: 'Gone', 'x-form': zh('失效時', '', shownInstead) },
          },
        },
      },
      missing: missingSchema,
      label: { type: 'string', default: '', maxLength: 40, title: 'Data label', description: 'What the values carry from here on: pid. They may then leave only tokenized, masked, encrypted or released. Empty: the label that they had where this flow tokenized them.', 'x-form': zh('資料標籤', '還原後的值自此帶有的標籤，例如 pid；之後只有經代碼化、遮罩、加密或解除標籤才能離開。留空：沿用本流程代碼化前的標籤。') },
    },
  },
  check(config) {
    return [
      ...checkFields(config.property, config.fields),
      ...(config.label === '' ? [] : checkName(config.label, 'label')),
      ...config.fields.flatMap((row, index) => checkDomain(row.domain || config.domain, row.domain ? 'fields' : 'domain', `Row ${index + 1}`) ?? []),
      ...(config.purpose.trim() === '' ? [{ code: 'vault.purpose', property: 'purpose', message: 'The node does not say what the values are for.', remedy: 'Give the purpose that the clients’ grants name.' }] : []),
    ]
  },
  compile(config, scope) {
    const fields = compileFields(config.property, config.fields, config.missing)
    const vault = vaultOf(scope)

    /** A client that may not see a value, as a refusal that people can look up; what it lacks is for them, and not for the caller. */
    function toDenied({ code, facts: { why, ...facts } }: Fault, run: Run, { client, clearance }: Viewer): Fault {
      const check = { check: 'reveal', passed: false, domain: facts.domain, purpose: facts.purpose, ...(clearance === undefined ? {} : { clearance }), ...(why === undefined ? {} : { why }) }
      return refuseCall(scope, run, { code: code as 'detoken.denied', facts, checks: [check], application: client })
    }

    return async function detokenize(message, run) {
      const found = fields.find(message)
      // What is no text is no token: nothing to ask.
      const toAsk = found.filter(({ location }) => isToken(location.value))
      const viewer = viewerOf(run, scope.node.id, config.purpose)
      const answers = toAsk.length === 0 ? [] : await vault.ask(toAsk.map(({ row, location }): VaultAsk => ({ do: 'reveal', domain: row.domain || config.domain, token: location.value as string, viewer })), { deadline: run.deadline })
      // Revealed to one client, now: no cache gives it to another, or again when the grant is gone and nobody writes down the look.
      if (answers.some((answer) => 'value' in answer)) run.addReplyHeader?.('Cache-Control', 'no-store', 'revealed')
      let next = 0
      return {
        out: fields.replace(message, found.flatMap((field) => {
          const { location, row, text } = field
          if (location.value === null || location.value === undefined) return []
          const answer = isToken(location.value) ? (answers[next++] as VaultAnswer) : ({ fault: 'token.unknown', facts: { domain: row.domain || config.domain } } as const)
          const value = valueOf(field, answer, text, (refused) => toDenied(refused, run, viewer))
          return value === location.value ? [] : [[location, value] as const]
        })),
      }
    }
  },
})

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function valueOf({ row, location }: FoundField<RevealRow>, answer: VaultAnswer, path: string, toDenied: (refused: Fault) => Fault): unknown {
  const refused = refusalOf(answer, path)
  if (!refused) {
    const { value, json } = answer as { readonly value: string; readonly json?: boolean }
    return json ? (JSON.parse(value) as unknown) : value
  }
  const how = refused.code === 'detoken.denied' ? row.denied : refused.code === 'token.unknown' || refused.code === 'token.expired' || refused.code === 'domain.shredded' ? row.gone : 'refuse'
  if (how === 'token') return location.value
  if (how === 'mask') return masked
  throw refused.code === 'detoken.denied' ? toDenied(refused) : refused
}
