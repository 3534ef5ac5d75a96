/** A browser as far as sign-ins need one: cookies by host and path, redirects that it follows, `Refresh`, and forms. */
export interface CookieBrowser {
  /** Goes there, follows what leads on; the page that it ends on. */
  open(url: string): Promise<Page>
  /** Sends the only form of a page, with what is typed into it. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page>
  /** One request, nothing followed. */
  step(url: string, form?: Readonly<Record<string, string>>): Promise<Response>
  forget(name: string): void
  cookies(): readonly string[]
}

export interface Page {
  readonly url: string
  readonly status: number
  readonly text: string
  readonly trail: readonly string[]
}

export function createCookieBrowser(): CookieBrowser {
  const jar = new Map<string, { readonly name: string; readonly value: string; readonly host: string; readonly path: string }>()

  async function step(url: string, form?: Readonly<Record<string, string>>): Promise<Response> {
    const target = new URL(url)
    // Cookies do not know ports (RFC 6265 §8.5).
    const cookie = [...jar.values()].filter(({ host, path }) => host === target.hostname && target.pathname.startsWith(path)).map(({ name, value }) => `${name}=${value}`).join('; ')
    const response = await fetch(target, {
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { cookie }), ...(form ? { origin: target.origin } : {}) },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      const path = /path=([^;]+)/i.exec(line)?.[1] ?? '/'
      const key = `${target.hostname} ${name} ${path}`
      if (value === '' || /max-age=0/i.test(line)) jar.delete(key)
      else jar.set(key, { name, value, host: target.hostname, path })
    }
    return response
  }

  async function follow(first: Response, from: string): Promise<Page> {
    let response = first
    let url = from
    const trail = [url]
    for (let hops = 0; hops < 15; hops++) {
      const to = response.headers.get('location') ?? /^0;url=(.+)$/.exec(response.headers.get('refresh') ?? '')?.[1]
      if (to === undefined) return { url, status: response.status, text: await response.text(), trail }
      url = new URL(to, url).href
      trail.push(url)
      response = await step(url)
    }
    throw new Error(`it never ended: ${trail.join(' → ')}`)
  }

  return {
    step,
    open: async (url) => await follow(await step(url), url),
    async submit(page, fields) {
      const at = page.text.indexOf('<main')
      const action = /<form[^>]*\baction="([^"]+)"/.exec(at < 0 ? page.text : page.text.slice(at))?.[1]?.replaceAll('&amp;', '&') ?? page.url
      const hidden = Object.fromEntries([...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]))
      const url = new URL(action, page.url).href
      return await follow(await step(url, { ...hidden, ...fields }), url)
    },
    forget(name) {
      for (const [key, cookie] of jar) if (cookie.name === name) jar.delete(key)
    },
    cookies: () => [...jar.values()].map(({ name }) => name),
  }
}
