import { html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator } from '../texts.ts'
import { toTime } from '../time.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { mayUse } from '../web/session.ts'

/** The start page: the editor, what runs, and APIs to try. */
export function startRoutes({ control, editorPath, gatewayUrls, samples }: PortalOptions): PageRoute[] {
  return [{
    method: 'GET', path: '/', access: 'signed-in',
    async handle(exchange) {
      // Subscribers have nothing to do with flows; their own applications are where they begin.
      if (!mayUse(exchange.user, 'viewer')) return redirect(exchange.response, '/applications')
      const t = translator(exchange.language)
      const [release] = await control.releases.list({ limit: 1 })
      const gateways = await control.gateways.list()
      const base = gatewayUrls()[0]?.replace(/\/$/, '')
      const behind = gateways.some((gateway) => gateway.connected && gateway.state !== 'live')
      const body = html`<h1>${t('tagline')}</h1>
<div class="grid">
<section class="card hero"><h2>${t('editor')}</h2><p>${t('openEditorHint')}</p><p><a class="button primary" href="${editorPath}">${t('openEditor')}</a></p></section>
<section class="card"><h2>${t('currentRelease')}</h2>
${release
  ? html`<p><a href="/releases/${release.id}"><strong>${t('release')} ${release.id}</strong></a><br>${toTime(release.createdAt, exchange.language)} · ${release.user}${release.comment && html`<br><q>${release.comment}</q>`}</p>`
  : html`<p>${t('noRelease')}</p>`}
<p><a href="/gateways">${t('gateways')}: ${gateways.filter((gateway) => gateway.connected).length}</a>${behind && html` <span class="tag bad">${t('skew')}</span>`}</p></section>
</div>
<section aria-labelledby="samples"><h2 id="samples">${t('samples')}</h2>
${base && samples.length > 0
  ? html`<ul class="plain">${samples.map((sample) => toSample(base + sample.path, sample.method ?? 'GET', sample.title[exchange.language], t))}</ul>`
  : html`<p>${t('noSamples')}</p>`}
</section>`
      sendHtml(exchange.response, 200, layout(exchange, { title: t('start'), section: 'start', body }))
    },
  }]
}

function toSample(url: string, method: string, title: string, t: ReturnType<typeof translator>) {
  const curl = `curl ${method === 'GET' ? '' : `-X ${method} `}'${url.replaceAll("'", "'\\''")}'`
  return html`<li class="card"><h3>${title}</h3>
<pre><code>${curl}</code></pre>
<p class="row"><button type="button" data-copy="${curl}" data-copied="${t('copied')}">${t('copy')}</button>
${method === 'GET' && html`<a class="button" href="${url}" target="_blank" rel="noopener">${t('openInBrowser')}</a>`}</p></li>`
}
