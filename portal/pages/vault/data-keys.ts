import type { DataKeyWear, VaultStatus } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { html, type Html } from '../../html.ts'
import { toTime } from '../../time.ts'
import type { View } from '../consumers/view.ts'

const domainScope = 'domain:'

/** How far data keys are used, the fullest first. */
export function drawDataKeys({ used = [], replaced }: NonNullable<VaultStatus['dataKeys']>, view: View): Html {
  const { t, exchange } = view
  return html`<section class="card"><h2>${t('dataKeys')}</h2><p class="soft">${t('dataKeysIntro')}</p>
${used.length === 0 ? html`<p>${t('dataKeysFew')}</p>` : html`<div class="scroll"><table aria-label="${t('dataKeys')}"><thead><tr><th scope="col">${t('dataKeySeals')}</th><th scope="col">${t('dataKeyVersion')}</th><th scope="col">${t('dataKeySealed')}</th><th scope="col">${t('dataKeyFullAt')}</th></tr></thead>
<tbody>${used.map((one) => html`<tr><th scope="row">${drawScope(one.scope, view)}</th><td>${one.version} <span class="soft">${t('since')} ${toTime(one.since, exchange.language)}</span></td><td>${saySealed(one, view)}<br><progress aria-label="${t('dataKeySealed')}: ${one.scope}" value="${one.share}" max="1"></progress></td><td>${sayFullAt(one, view)}</td></tr>`)}</tbody></table></div>`}
${replaced > 0 && html`<p class="soft">${fill(t('dataKeysReplaced'), { count: replaced })}</p>`}</section>`
}

/** How often one was used, in words. */
export function saySealed({ seals, share }: DataKeyWear, { t, exchange }: View): string {
  if (seals === 0) return t('dataKeySealedFew')
  const percent = new Intl.NumberFormat(exchange.language, { maximumSignificantDigits: 2 }).format(share * 100)
  return fill(t('dataKeySealedAbout'), { seals: new Intl.NumberFormat(exchange.language).format(seals), percent })
}

/** When another takes its place, if it goes on like that. */
export function sayFullAt({ fullAt }: DataKeyWear, { t, exchange }: View): Html {
  if (fullAt === undefined) return html`<span class="soft">${t('dataKeyFullFar')}</span>`
  // A day at the most: it is guessed from the pace until now.
  return html`${t('dataKeyFullAbout')} <time datetime="${fullAt}">${new Intl.DateTimeFormat(exchange.language, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(fullAt))}</time>`
}

function drawScope(scope: string, { t }: View): Html {
  if (!scope.startsWith(domainScope)) return html`${scope === 'keys' ? t('vaultKeys') : scope === 'secrets' ? t('secrets') : scope}`
  const name = scope.slice(domainScope.length)
  return html`<a href="/vault/domains/${encodeURIComponent(name)}">${name}</a>`
}
