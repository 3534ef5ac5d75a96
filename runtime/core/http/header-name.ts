const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Whether a text can be the name of a header: a token (RFC 9110 §5.6.2). */
export function isHeaderName(text: string): boolean {
  return token.test(text)
}
