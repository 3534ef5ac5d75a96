import { fill } from '../../../runtime/core/saying.ts'
import type { VaultStatus } from '../../../control/contract.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import { toFacts, type View } from '../consumers/view.ts'
import { endsSoon } from './certificates.ts'
import { drawDataKeys } from './data-keys.ts'
import { vaultAct, vaultPage, type VaultPage } from './vault-page.ts'

/** How the vault is, and its master key. */
export function overviewRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function draw(view: View): Promise<VaultPage> {
    const { t, by, exchange } = view
    const [status, certificates] = await Promise.all([dataProtection.status(by), dataProtection.certificates.list(by)])
    const soon = certificates.filter(endsSoon).length
    const number = new Intl.NumberFormat(exchange.language)
    const body = html`<h1>${t('dataProtection')}</h1>
<p class="soft">${t('vaultIntro')}</p>
${soon > 0 && html`<p class="notice warn"><a href="/vault/certificates">${fill(t('certSoon'), { count: soon })}</a></p>`}
<section class="card"><div id="vault-status"${status.toReseal > 0 && html` data-refresh="3000"`}>${toFacts([
  [t('vaultStateIs'), html`<span class="tag ${status.ok ? 'good' : 'bad'}">${t(status.ok ? 'vaultWell' : 'vaultUnwell')}</span>`],
  [t('keptIn'), status.store === 'sqlite' ? 'SQLite' : 'PostgreSQL'],
  [t('domains'), number.format(status.domains)],
  [t('tokensKept'), number.format(status.tokens)],
  [t('masterKey'), html`${t(status.masterKey.provider === 'file' ? 'masterKeyFile' : 'masterKeyPkcs11')} <code>${status.masterKey.id}</code> <span class="soft">${t('since')} ${toTime(status.masterKey.since, exchange.language)}</span>`],
  [t('keysOnSchedule'), status.keys && status.keys.scheduled > 0 && drawSchedules(status.keys, view)],
  [t('toReseal'), status.toReseal === 0 ? t('toResealNone') : drawProgress(status.toReseal, status.tokens, number.format(status.toReseal), view)],
])}</div></section>
${status.dataKeys && drawDataKeys(status.dataKeys, view)}
${view.may('vault.write') && html`<section class="card"><h2>${t('rotateMasterKey')}</h2><p class="soft">${t('rotateMasterKeyExplain')}</p><form method="post" action="/vault/master-key/rotate"><button>${t('rotateMasterKey')}</button></form></section>`}`
    return { title: t('dataProtection'), body }
  }

  return [
    { method: 'GET', path: '/vault', access: 'signed-in', handle: vaultPage(consumers, 'vaultOverview', draw) },
    {
      method: 'POST', path: '/vault/master-key/rotate', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultOverview', async ({ by }) => {
        await dataProtection.rotateMasterKey(by)
        return '/vault?said=vaultChanged'
      }, draw),
    },
  ]
}

/** How many, whether any should have been replaced by now, and which is next. */
function drawSchedules({ scheduled, overdue, next }: NonNullable<VaultStatus['keys']>, { t, exchange }: View): Html {
  return html`<a href="/vault/keys">${scheduled}</a>${overdue > 0 && html` <span class="tag bad">${fill(t('keysOverdue'), { count: overdue })}</span>`}${next && html` <span class="soft">${t('keysNext')}: ${next.key}, ${toTime(next.at, exchange.language)}</span>`}`
}

/** How much of it is done is known as far as it is about tokens; wrapped keys are few beside them. */
function drawProgress(left: number, tokens: number, text: string, { t }: View): Html {
  return html`<progress aria-label="${t('resealing')}"${left <= tokens && html` value="${tokens - left}" max="${tokens}"`}></progress> ${text}<br><span class="soft">${t('resealingHint')}</span>`
}
