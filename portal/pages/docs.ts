import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Marked } from 'marked'
import { Refused } from '../../control/contract.ts'
import { escapeHtml, Html, html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator } from '../texts.ts'
import type { Exchange } from '../web/exchange.ts'
import { sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'

const docsDir = fileURLToPath(new URL('../../docs/', import.meta.url))

/** The project's own documents, read where they lie. */
export function docsRoutes({ definitions, notYet }: PortalOptions): PageRoute[] {
  return [
    { method: 'GET', path: '/docs', access: 'viewer', handle: showList },
    { method: 'GET', path: '/docs/:page', access: 'viewer', handle: (exchange, { page }) => showPage(exchange, '', page!) },
    { method: 'GET', path: '/docs/nodes/:page', access: 'viewer', handle: (exchange, { page }) => showPage(exchange, 'nodes', page!) },
  ]

  async function showList(exchange: Exchange): Promise<void> {
    const t = translator(exchange.language)
    const guides = await list('')
    const nodes = await list('nodes')
    const summaryOf = (page: string) => definitions.find((one) => one.type.replace(/[^a-z0-9]+/gi, '-').toLowerCase() === page)?.summary[exchange.language]
    const body = html`<h1>${t('docs')}</h1>${t('docsEnglish') && html`<p class="soft">${t('docsEnglish')}</p>`}
${guides.length > 0 && html`<h2>${t('guides')}</h2><ul>${await Promise.all(guides.map(async (page) => html`<li><a href="/docs/${page}">${await titleOf('', page)}</a></li>`))}</ul>`}
<h2>${t('nodePages')}</h2><ul class="plain">${await Promise.all(nodes.map(async (page) => html`<li><a href="/docs/nodes/${page}">${await titleOf('nodes', page)}</a> <span class="soft">${summaryOf(page)}</span></li>`))}</ul>
${notYet.length > 0 && html`<h2>${t('notYet')}</h2><ul class="columns">${notYet.map((type) => html`<li>${type}</li>`)}</ul>`}`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('docs'), section: 'docs', body }))
  }
}

async function showPage(exchange: Exchange, folder: string, page: string): Promise<void> {
  const t = translator(exchange.language)
  // The name must be one of those that lie there; a path is never made from what was asked for.
  const known = await list(folder)
  const name = known.find((one) => one === page.replace(/\.md$/, ''))
  if (!name) throw new Refused('route.none', 404, t('notFound'))
  const text = await readFile(join(docsDir, folder, `${name}.md`), 'utf8')
  const body = html`<p><a href="/docs">${t('docs')}</a></p><article class="doc" lang="en">${renderMarkdown(text)}</article>`
  sendHtml(exchange.response, 200, layout(exchange, { title: titleIn(text) ?? name, section: 'docs', body }))
}

/** Markdown as markup. Raw HTML in it is shown as text, comments not at all; links lead to the web or to this site only. */
export function renderMarkdown(text: string): Html {
  const marked = new Marked({
    gfm: true,
    async: false,
    renderer: {
      html: (token) => escapeHtml(token.text.replace(/<!--[\s\S]*?-->/g, '')),
      link(token) {
        const inner = this.parser.parseInline(token.tokens)
        if (!/^(https?:|#|\.{0,2}\/|[\w-]+(\.md)?(#|$)|[\w-]+\/)/i.test(token.href)) return inner
        return `<a href="${escapeHtml(token.href.replace(/\.md(?=#|$)/, ''))}">${inner}</a>`
      },
      image: (token) => escapeHtml(token.text),
    },
  })
  return new Html(marked.parse(text) as string)
}

async function list(folder: string): Promise<string[]> {
  const files = await readdir(join(docsDir, folder)).catch(() => [])
  return files.filter((file) => file.endsWith('.md')).map((file) => file.slice(0, -3)).toSorted()
}

async function titleOf(folder: string, page: string): Promise<string> {
  return titleIn(await readFile(join(docsDir, folder, `${page}.md`), 'utf8').catch(() => '')) ?? page
}

function titleIn(text: string): string | undefined {
  return /^# +(.+)$/m.exec(text)?.[1]?.replaceAll('`', '')
}
