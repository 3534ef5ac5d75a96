import type { RegisteredApi, RegistrationResult } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { html, type Html } from '../../html.ts'
import type { TextKey } from '../../texts.ts'
import type { T } from './view.ts'

const tags = { add: 'good', change: 'changed', remove: 'bad', same: '' } as const
const words: Readonly<Record<keyof typeof tags, TextKey>> = { add: 'routeAdded', change: 'routeChanged', remove: 'routeRemoved', same: 'routeSame' }

/** What a registration would do: routes, what people made that stays or goes, problems. */
export function drawOutcome({ apis, problems }: RegistrationResult, t: T): Html {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const warnings = problems.filter(({ severity }) => severity === 'warning')
  return html`<section aria-labelledby="outcome"><h2 id="outcome">${t('previewTitle')}</h2>
${errors.length > 0 && html`<div class="notice bad" role="alert"><p>${t('previewErrors')}</p><ul>${errors.map(({ message, remedy }) => html`<li>${message} ${remedy}</li>`)}</ul></div>`}
${warnings.length > 0 && html`<div class="notice warn"><ul>${warnings.map(({ message, remedy }) => html`<li>${message} ${remedy}</li>`)}</ul></div>`}
${apis.map((api) => drawApi(api, t))}</section>`
}

function drawApi({ change, routes, kept, lost, added, changed, removed }: RegisteredApi, t: T): Html {
  return html`${lost.length > 0 && html`<div class="notice bad"><p>${t('wouldBeLost')}</p><ul>${lost.map(({ what }) => html`<li>${what}</li>`)}</ul></div>`}
<p>${change === 'same' ? t('nothingChanges') : fill(t('nodesChange'), { added, changed, removed })}</p>
${kept.length > 0 && html`<p>${t('keptByHand')} ${kept.map(({ what }, i) => html`${i > 0 && ', '}${what}`)}</p>`}
<div class="scroll"><table aria-label="${t('whatHappens')}"><thead><tr><th scope="col">${t('whatHappens')}</th><th scope="col">${t('method')}</th><th scope="col">${t('publishedPath')}</th><th scope="col">${t('upstreamCalled')}</th></tr></thead>
<tbody>${routes.map((route) => html`<tr><td><span class="tag ${tags[route.change]}">${t(words[route.change])}</span></td><td>${route.method}</td><th scope="row"><code>${route.path}</code>${route.summary && html`<br><span class="soft">${route.summary}</span>`}</th><td><code>${route.upstream}</code></td></tr>`)}</tbody></table></div>`
}
