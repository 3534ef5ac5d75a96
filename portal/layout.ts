import type { Role } from '../control/contract.ts'
import { html, type Html } from './html.ts'
import { translator, type TextKey } from './texts.ts'
import type { Exchange } from './web/exchange.ts'
import type { Access } from './web/router.ts'
import { mayUse } from './web/session.ts'

export interface Page {
  readonly title: string
  readonly body: Html
  /** Entry of the main menu this page belongs to. */
  readonly section?: TextKey
  /** Said at the top and announced to screen readers. */
  readonly notice?: { readonly kind: 'good' | 'bad'; readonly text: string }
}

const menu: readonly { key: TextKey; href: string; access: Access; /** Only these, where the order of roles does not say it. */ roles?: readonly Role[] }[] = [
  { key: 'start', href: '/', access: 'viewer' },
  { key: 'editor', href: '/editor/', access: 'viewer' },
  { key: 'consumers', href: '/applications', access: 'signed-in' },
  { key: 'releases', href: '/releases', access: 'viewer' },
  { key: 'gateways', href: '/gateways', access: 'viewer' },
  { key: 'queues', href: '/queues', access: 'signed-in', roles: ['admin', 'operator'] },
  { key: 'jobs', href: '/jobs', access: 'signed-in', roles: ['admin', 'operator'] },
  { key: 'dataProtection', href: '/vault', access: 'signed-in', roles: ['admin', 'data-officer', 'operator', 'auditor'] },
  { key: 'users', href: '/users', access: 'admin' },
  { key: 'docs', href: '/docs', access: 'viewer' },
]

/** A whole page around its content. */
export function layout(exchange: Exchange, page: Page): Html {
  const { language, user } = exchange
  const t = translator(language)
  const other = language === 'en' ? 'zh-TW' : 'en'
  const here = exchange.method === 'GET' ? exchange.url.pathname + exchange.url.search : exchange.url.pathname
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · Sluice</title>
<link rel="icon" href="/assets/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/portal.css">
<script src="/assets/portal.js" defer></script>
</head>
<body>
<a class="skip" href="#main">${t('skip')}</a>
<header class="top">
  <a class="brand" href="/"><img src="/assets/mark.svg" alt="" width="28" height="28">Sluice</a>
  ${user && html`<nav aria-label="${t('mainMenu')}"><ul>${menu
    // Who draws for an organisation draws here, whatever the own role.
    .filter((item) => (mayUse(user, item.access) && (item.roles?.includes(user.role) ?? true)) || (item.key === 'editor' && exchange.flows?.mayRead()))
    .map((item) => html`<li><a href="${item.href}"${item.key === page.section && html` aria-current="page"`}>${t(item.key)}</a></li>`)}</ul></nav>`}
  <div class="tools">
    <form method="post" action="/language"><input type="hidden" name="language" value="${other}"><input type="hidden" name="next" value="${here}">
      <button class="quiet" lang="${other}">${t('otherLanguage')}</button></form>
    ${user && html`<a href="/account"${page.section === 'account' && html` aria-current="page"`}>${user.name}</a>
    <form method="post" action="/sign-out"><button class="quiet">${t('signOut')}</button></form>`}
  </div>
</header>
<main id="main" tabindex="-1">
${page.notice && html`<p class="notice ${page.notice.kind}" role="${page.notice.kind === 'bad' ? 'alert' : 'status'}">${page.notice.text}</p>`}
${page.body}
</main>
</body>
</html>`
}
