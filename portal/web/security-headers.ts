import type { ServerResponse } from 'node:http'

/** Pages need nothing but themselves: no inline script or style, no frames, no foreign hosts. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/**
 * The stock editor writes node definitions as inline scripts and starts its code editor's workers from
 * blobs. It evaluates no text, loads nothing from other hosts, and nobody may frame it.
 */
const editorPolicy =
  "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self' blob: data:; media-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Sets the headers that every answer of the control port carries. */
export function setSecurityHeaders(response: ServerResponse, kind: 'page' | 'editor', tls: boolean): void {
  response.setHeader('content-security-policy', kind === 'page' ? pagePolicy : editorPolicy)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('x-frame-options', 'DENY') // for browsers that do not know frame-ancestors
  response.setHeader('referrer-policy', 'same-origin')
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()')
  if (tls) response.setHeader('strict-transport-security', 'max-age=31536000')
}
