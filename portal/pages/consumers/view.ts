import type { Actor, Consumers, Page as RecordPage, PageQuery, RecordHead, Right } from '../../../control/contract.ts'
import type { Choice } from '../../forms/form-view.ts'
import { html, type Html, type HtmlValue } from '../../html.ts'
import { layout, type Page } from '../../layout.ts'
import { translator, type TextKey } from '../../texts.ts'
import type { Exchange } from '../../web/exchange.ts'
import { sendHtml } from '../../web/reply.ts'

export type T = (key: TextKey) => string

/** One request of a page about consumers: who asks, in which language, and what he may. */
export interface View {
  readonly exchange: Exchange
  readonly consumers: Consumers
  readonly t: T
  readonly by: Actor
  /** Whether the asker has a right, everywhere or in one organisation. The records themselves decide; this only hides what would be refused. */
  may(right: Right, organisation?: string): boolean
  /** Whether he has it anywhere. */
  mayAnywhere(right: Right): boolean
}

/** What every page of records needs to know of its reader. */
export async function openView(exchange: Exchange, consumers: Consumers): Promise<View> {
  const user = exchange.user!
  const by = { name: user.name, role: user.role, from: exchange.from }
  const rights = await consumers.rightsOf(by)
  return {
    exchange, consumers, by,
    t: translator(exchange.language),
    may: (right, organisation) => rights.everywhere.includes(right) || (organisation !== undefined && (rights.organisations[organisation]?.includes(right) ?? false)),
    mayAnywhere: (right) => rights.everywhere.includes(right) || Object.values(rights.organisations).some((some) => some.includes(right)),
  }
}

const tabs: readonly { key: TextKey; href: string; right?: Right }[] = [
  { key: 'applications', href: '/applications' },
  { key: 'subscriptions', href: '/subscriptions' },
  { key: 'plans', href: '/plans' },
  { key: 'apis', href: '/apis' },
  { key: 'groups', href: '/groups' },
  { key: 'products', href: '/products' },
  { key: 'organisations', href: '/organisations' },
  { key: 'connectors', href: '/connectors', right: 'records.read' },
  { key: 'refusedCalls', href: '/decisions' },
  { key: 'audit', href: '/audit', right: 'audit.read' },
  { key: 'ledgers', href: '/ledgers', right: 'audit.read' },
]

/** Sends a page below the row of tabs that all of them share. */
export function sendPage(view: View, tab: TextKey, page: Page & { readonly status?: number }): void {
  const { exchange, t, mayAnywhere } = view
  const body = html`<nav class="tabs" aria-label="${t('consumersMenu')}"><ul>${tabs
    .filter(({ right }) => right === undefined || mayAnywhere(right))
    .map(({ key, href }) => html`<li><a href="${href}"${key === tab && html` aria-current="page"`}>${t(key)}</a></li>`)}</ul></nav>
${page.body}`
  sendHtml(exchange.response, page.status ?? 200, layout(exchange, { ...page, section: 'consumers', body }))
}

/** Records to choose from, as far as one list can be long; `more` when there are others besides. */
export async function choicesOf<R extends RecordHead & { readonly name: string }>(
  records: { list(query: PageQuery, by: Actor): Promise<RecordPage<R>> }, by: Actor, keep: (record: R) => boolean = () => true,
): Promise<Choice[]> {
  const found: R[] = []
  let cursor: string | undefined
  do {
    const page = await records.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) }, by)
    found.push(...page.items.filter(keep))
    cursor = page.next
  } while (cursor !== undefined && found.length < 1000)
  return found.map(({ id, name }) => ({ value: id, text: name === id ? name : `${name} (${id})` }))
}

/** Facts as a list of terms; those that say nothing are left out. */
export function toFacts(facts: readonly (readonly [string, HtmlValue])[]): Html {
  return html`<dl class="facts">${facts.filter(([, value]) => value !== undefined && value !== '' && value !== false).map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`
}
