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
import type { Language } from '../web/language.ts'
import { sendHtml, sendText } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'

const docsDir = fileURLToPath(new URL('../../docs/', import.meta.url))

/** Folders of pages that are shown, by the path they are shown at. */
const folders = ['', 'guides', 'nodes', 'decisions'] as const

/** The project's own documents, read where they lie; in the reader's language where they are translated. */
export function docsRoutes({ definitions, notYet }: PortalOptions): PageRoute[] {
  const missing = notYet.filter((one) => !one.never)
  const refused = notYet.filter((one) => one.never)
  const toNames = (nodes: PortalOptions['notYet']) => html`<ul class="columns">${nodes.map(({ type, name }) => html`<li>${name ?? type}</li>`)}</ul>`
  return [
    { method: 'GET', path: '/docs', access: 'viewer', handle: showList },
    { method: 'GET', path: '/docs/:page', access: 'viewer', handle: (exchange, { page }) => showPage(exchange, '', page!) },
    { method: 'GET', path: '/docs/images/:image', access: 'viewer', handle: ({ response }, { image }) => sendPicture(response, image!) },
    { method: 'GET', path: '/docs/:folder/:page', access: 'viewer', handle: (exchange, { folder, page }) => showPage(exchange, folder!, page!) },
  ]

  async function showList(exchange: Exchange): Promise<void> {
    const { language } = exchange
    const t = translator(language)
    const [guides, references, nodes] = await Promise.all([list('guides'), list(''), list('nodes')])
    const summaryOf = (page: string) => definitions.find((one) => one.type.replace(/[^a-z0-9]+/gi, '-').toLowerCase() === page)?.summary[language]
    const toLinks = (folder: string, pages: readonly string[]) =>
      Promise.all(pages.map(async (page) => html`<li><a href="/docs/${folder && `${folder}/`}${page}">${await titleOf(folder, page, language)}</a></li>`))
    const body = html`<h1>${t('docs')}</h1>
<h2>${t('guides')}</h2><ul>${await toLinks('guides', guides)}</ul>
<h2>${t('references')}</h2><ul>${await toLinks('', references)}<li><a href="/docs/decisions/README">${t('decisions')}</a></li></ul>
<h2>${t('nodePages')}</h2><ul class="plain">${await Promise.all(nodes.map(async (page) => html`<li><a href="/docs/nodes/${page}">${await titleOf('nodes', page, language)}</a> <span class="soft">${summaryOf(page)}</span></li>`))}</ul>
${missing.length > 0 && html`<h2>${t('notYet')}</h2>${toNames(missing)}`}
${refused.length > 0 && html`<h2>${t('refusedNodes')}</h2><p>${t('refusedNodesWhy')}</p>${toNames(refused)}`}`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('docs'), section: 'docs', body }))
  }
}

async function showPage(exchange: Exchange, folder: string, page: string): Promise<void> {
  const t = translator(exchange.language)
  const wanted = /\.md$/.test(page) ? page.slice(0, -3) : page
  // Both names must be of those that lie there; a path is never made from what was asked for.
  const place = folders.find((one) => one === folder)
  const name = place === undefined ? undefined : (await list(place)).find((one) => one === wanted)
  if (place === undefined || !name) throw new Refused('route.none', 404, t('notFound'))
  const { text, language } = await load(place, name, exchange.language)
  const note = language === exchange.language ? '' : t('docsEnglish')
  const body = html`<p><a href="/docs">${t('docs')}</a></p>${note && html`<p class="soft">${note}</p>`}<article class="doc" lang="${language}">${renderMarkdown(text)}</article>`
  sendHtml(exchange.response, 200, layout(exchange, { title: titleIn(text) ?? name, section: 'docs', body }))
}

/** A drawing that a page shows; only those that lie there exist. */
async function sendPicture(response: Exchange['response'], name: string): Promise<void> {
  const images = (await readdir(join(docsDir, 'images'))).filter((file) => file.endsWith('.svg'))
  const image = images.find((file) => file === name)
  if (image === undefined) throw new Refused('route.none', 404, 'There is no such picture.')
  sendText(response, 200, 'image/svg+xml', await readFile(join(docsDir, 'images', image), 'utf8'))
}

/** A page, translated where it is. Translations lie one folder deeper, which their links count in. */
async function load(folder: string, name: string, language: Language): Promise<{ readonly text: string; readonly language: Language }> {
  const translated = language === 'en' ? undefined : await readFile(join(docsDir, language, folder, `${name}.md`), 'utf8').catch(() => undefined)
  if (translated !== undefined) return { text: translated.replaceAll('](../../', '](../'), language }
  return { text: await readFile(join(docsDir, folder, `${name}.md`), 'utf8').catch(() => ''), language: 'en' }
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
      image({ href, text: alt }) {
        const name = /^(?:\.\.\/)*images\/([\w-]+\.svg)$/.exec(href)?.[1]
        return name === undefined ? escapeHtml(alt) : `<img src="/docs/images/${name}" alt="${escapeHtml(alt)}">`
      },
    },
  })
  return new Html(marked.parse(text) as string)
}

async function list(folder: string): Promise<string[]> {
  const files = await readdir(join(docsDir, folder)).catch(() => [])
  return files.filter((file) => file.endsWith('.md')).map((file) => file.slice(0, -3)).toSorted()
}

async function titleOf(folder: string, page: string, language: Language): Promise<string> {
  return titleIn((await load(folder, page, language)).text) ?? page
}

function titleIn(text: string): string | undefined {
  return /^# +(.+)$/m.exec(text)?.[1]?.replaceAll('`', '')
}
