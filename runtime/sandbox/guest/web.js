/** The web's names that the language lacks. An expression: a function of what the prelude lends. */
(({ host, toBase64, fromBase64, pack, unpack }) => {
  const parts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash']

  const encodeForm = (text) => encodeURIComponent(String(text).toWellFormed()).replace(/[!'()~]|%20/g, (c) => (c === '%20' ? '+' : '%' + c.charCodeAt(0).toString(16).toUpperCase()))
  const decodeForm = (text) => {
    const spaced = text.replaceAll('+', ' ')
    try {
      return decodeURIComponent(spaced)
    } catch {
      return spaced
    }
  }

  class URLSearchParams {
    #pairs = []
    #changed
    constructor(init = '') {
      if (typeof init === 'string') this.#read(init)
      else if (init && typeof init[Symbol.iterator] === 'function') for (const [key, value] of init) this.#pairs.push([String(key), String(value)])
      else for (const key of Object.keys(init)) this.#pairs.push([key, String(init[key])])
    }
    #read(text) {
      for (const pair of text.replace(/^\?/, '').split('&')) {
        if (pair === '') continue
        const at = pair.indexOf('=')
        this.#pairs.push(at < 0 ? [decodeForm(pair), ''] : [decodeForm(pair.slice(0, at)), decodeForm(pair.slice(at + 1))])
      }
    }
    static of(text, changed) {
      const made = new URLSearchParams(text)
      made.#changed = changed
      return made
    }
    static reread(params, text) {
      params.#pairs = []
      params.#read(text)
    }
    #tell() {
      this.#changed?.(this.toString())
    }
    get size() {
      return this.#pairs.length
    }
    append(key, value) {
      this.#pairs.push([String(key), String(value)])
      this.#tell()
    }
    delete(key, value) {
      this.#pairs = this.#pairs.filter(([k, v]) => k !== String(key) || (value !== undefined && v !== String(value)))
      this.#tell()
    }
    get(key) {
      return this.#pairs.find(([k]) => k === String(key))?.[1] ?? null
    }
    getAll(key) {
      return this.#pairs.filter(([k]) => k === String(key)).map(([, v]) => v)
    }
    has(key, value) {
      return this.#pairs.some(([k, v]) => k === String(key) && (value === undefined || v === String(value)))
    }
    set(key, value) {
      const first = this.#pairs.findIndex(([k]) => k === String(key))
      if (first < 0) this.#pairs.push([String(key), String(value)])
      else this.#pairs = this.#pairs.filter(([k], i) => i <= first || k !== String(key)).map((pair, i) => (i === first ? [pair[0], String(value)] : pair))
      this.#tell()
    }
    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      this.#tell()
    }
    forEach(callback, self) {
      for (const [key, value] of this.#pairs) callback.call(self, value, key, this)
    }
    *entries() {
      for (const [key, value] of this.#pairs) yield [key, value]
    }
    *keys() {
      for (const [key] of this.#pairs) yield key
    }
    *values() {
      for (const [, value] of this.#pairs) yield value
    }
    [Symbol.iterator]() {
      return this.entries()
    }
    toString() {
      return this.#pairs.map(([key, value]) => `${encodeForm(key)}=${encodeForm(value)}`).join('&')
    }
  }

  class URL {
    #parts
    #params
    constructor(text, base) {
      this.#set(String(text), base === undefined ? '' : String(base))
    }
    #set(text, base, part, value) {
      let answer
      try {
        answer = host('url', text, base, part, value)
      } catch {
        const error = new TypeError('Invalid URL')
        error.code = 'ERR_INVALID_URL'
        throw error
      }
      this.#parts = JSON.parse(answer)
      if (this.#params && part !== 'params') URLSearchParams.reread(this.#params, this.#parts.search)
    }
    static canParse(text, base) {
      try {
        return Boolean(new URL(text, base))
      } catch {
        return false
      }
    }
    static parse(text, base) {
      try {
        return new URL(text, base)
      } catch {
        return null
      }
    }
    static {
      for (const name of parts) {
        Object.defineProperty(URL.prototype, name, {
          enumerable: true,
          configurable: true,
          get() {
            return this.#parts[name]
          },
          set(value) {
            if (name === 'origin') return
            if (name === 'href') this.#set(String(value), '')
            else this.#set(this.#parts.href, '', name, String(value))
          },
        })
      }
    }
    get searchParams() {
      this.#params ??= URLSearchParams.of(this.#parts.search, (search) => {
        this.#parts = JSON.parse(host('url', this.#parts.href, '', 'search', search))
      })
      return this.#params
    }
    toString() {
      return this.#parts.href
    }
    toJSON() {
      return this.#parts.href
    }
  }

  class TextEncoder {
    get encoding() {
      return 'utf-8'
    }
    encode(text = '') {
      const binary = unescape(encodeURIComponent(String(text).toWellFormed()))
      const bytes = new Uint8Array(binary.length)
      for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
      return bytes
    }
  }

  class TextDecoder {
    #label
    constructor(label = 'utf-8', options = {}) {
      const name = String(label).trim().toLowerCase()
      this.#label = { utf8: 'utf-8', 'utf-8': 'utf-8', latin1: 'windows-1252', ascii: 'windows-1252', 'utf-16le': 'utf-16le' }[name]
      if (!this.#label) throw new RangeError(`The "${label}" encoding is not supported here`)
      this.fatal = Boolean(options.fatal)
    }
    get encoding() {
      return this.#label
    }
    decode(input = new Uint8Array()) {
      const bytes = input instanceof ArrayBuffer ? new Uint8Array(input) : new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      if (this.#label === 'windows-1252') return Array.from(bytes, (b) => String.fromCharCode(b)).join('')
      const buffer = globalThis.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (this.#label === 'utf-16le') return buffer.toString('utf16le')
      const text = buffer.toString('utf8')
      if (this.fatal && text.includes('\ufffd') && !globalThis.Buffer.from(text).equals(buffer)) throw new TypeError('The encoded data was not valid for encoding utf-8')
      return text.replace(/^\ufeff/, '')
    }
  }

  const btoa = (value) => {
    const text = String(value)
    const bytes = new Uint8Array(text.length)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 255) throw new Error('The text has characters outside of Latin-1')
      bytes[i] = code
    }
    return toBase64(bytes)
  }
  const atob = (value) => {
    const text = String(value).replace(/[\t\n\f\r ]/g, '').replace(/=+$/, '')
    if (/[^A-Za-z0-9+/]/.test(text) || text.length % 4 === 1) throw new Error('The text is not base64')
    return Array.from(fromBase64(text), (b) => String.fromCharCode(b)).join('')
  }
  const bytesOf = (text) => globalThis.Buffer.from(fromBase64(text).buffer)
  const structuredClone = (value) => unpack(pack(value, toBase64), bytesOf)

  return { URL, URLSearchParams, TextEncoder, TextDecoder, structuredClone, btoa, atob }
})
