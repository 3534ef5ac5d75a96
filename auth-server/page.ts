import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { html, Html } from '../portal/html.ts'
import type { Language } from './texts.ts'

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;place-items:center;color:light-dark(#17242b,#e6eef1);background:light-dark(#f4f7f8,#11191d)}
main{width:min(24rem,calc(100vw - 2rem));box-sizing:border-box;padding:1.5rem;background:light-dark(#fff,#1a252b);border-radius:10px;border:1px solid light-dark(#cfdadf,#33454e)}.brand{margin:0 0 1rem;font-weight:650;color:light-dark(#0b5c74,#7fd3e8)}
h1{font-size:1.3rem;margin:0 0 1rem}label{display:block;margin:.75rem 0}input[type=text],input[type=password],input[name=user_code]{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem .65rem;margin-top:.25rem;color:inherit;background:light-dark(#f4f7f8,#11191d);border:1px solid light-dark(#51646d,#a5b7bf);border-radius:6px}
.row{display:flex;gap:.5rem;margin:1.25rem 0 0}button{font:inherit;padding:.4rem .9rem;cursor:pointer;border-radius:6px;border:1px solid light-dark(#0b5c74,#7fd3e8);background:none;color:light-dark(#0b5c74,#7fd3e8)}:focus-visible{outline:3px solid #0b7fd0;outline-offset:2px}.primary{background:light-dark(#0b5c74,#7fd3e8);color:light-dark(#fff,#06222b);border-color:light-dark(#0b5c74,#7fd3e8)}.or{margin:1rem 0 0;opacity:.7}.bad{color:light-dark(#a51616,#ff9c9c)}code{font-size:1.5rem;letter-spacing:.1em}`
const styleHash = createHash('sha256').update(style).digest('base64')

/** Of every answer, whoever writes it: pages of the library that send themselves on are framed by nobody either. */
export const answerHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': "base-uri 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** Nothing is loaded from anywhere, nothing runs, and nobody may put the page into a frame. Where a form leads is not bounded: it ends at the client. */
export const pageHeaders: Readonly<Record<string, string>> = {
  ...answerHeaders,
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; frame-ancestors 'none'`,
}

/** A whole page of the authorization server. */
export function drawPage(language: Language, title: string, body: Html): string {
  return html`<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title} · Sluice</title><style>${new Html(style)}</style></head>
<body><main><p class="brand">Sluice</p><h1>${title}</h1>
${body}
</main></body></html>
`.toString()
}

/** Answers with a page, which nothing may keep or frame. */
export function sendPage(response: ServerResponse, status: number, language: Language, title: string, body: Html): void {
  response.writeHead(status, pageHeaders).end(drawPage(language, title, body))
}
