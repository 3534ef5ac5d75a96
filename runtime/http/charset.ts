import iconv from 'iconv-lite'

const utf8 = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii'])

/** Text of bytes in a declared charset; `undefined` when the charset is unknown here. No charset means UTF-8. */
export function toText(bytes: Buffer, charset: string | undefined): string | undefined {
  if (charset === undefined || utf8.has(charset)) return stripMark(bytes.toString('utf8'))
  return iconv.encodingExists(charset) ? iconv.decode(bytes, charset) : undefined
}

export function isKnownCharset(charset: string | undefined): boolean {
  return charset === undefined || utf8.has(charset) || iconv.encodingExists(charset)
}

export function isUtf8Charset(charset: string | undefined): boolean {
  return charset === undefined || utf8.has(charset)
}

function stripMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
