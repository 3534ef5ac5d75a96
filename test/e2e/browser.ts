import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { findTool } from '../kit/tools.ts'

/** Chromium without a window. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: findTool('chromium')!, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
}

export interface PageWishes extends BrowserContextOptions {
  /** Takes the errors of scripts, and what the console says is wrong; without, nobody minds them. */
  readonly complaints?: string[]
  /** What is no complaint: a refusal that a test asks for is one for the browser. */
  readonly expected?: RegExp
}

/** What stands in the page. */
declare const document: { adoptedStyleSheets: unknown[] }
declare const CSSStyleSheet: new () => { replaceSync(text: string): void }

/** A page of somebody with nothing of anybody else's in the browser; reads English unless told. Nothing in it glides. */
export async function openPage(browser: Browser, { complaints, expected, ...options }: PageWishes): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 820 }, locale: 'en-US', reducedMotion: 'reduce', ...options })).newPage()
  await page.addInitScript(() => {
    const still = new CSSStyleSheet()
    still.replaceSync('*, ::before, ::after { transition: none !important; animation: none !important }')
    document.adoptedStyleSheets.push(still)
  })
  const complain = (text: string) => void (expected?.test(text) || complaints?.push(text))
  page.on('pageerror', (error) => complain(error.message))
  page.on('console', (line) => {
    if (line.type() === 'error') complain(line.text())
  })
  return page
}

/** Signs in by the form, and waits until that is done. `control`: where the pages are. */
export async function signIn(page: Page, control: string, password: string, name = 'admin'): Promise<void> {
  await page.goto(new URL('sign-in', control).href)
  await page.fill('input[name=name]', name)
  await page.fill('input[name=password]', password)
  await Promise.all([page.waitForURL((url) => !url.pathname.endsWith('sign-in')), page.keyboard.press('Enter')])
}

/** With `PICTURES=1` keeps what the page looks like as `test/artifacts/<name>.png`, when what scripts move has come to rest; without, nobody looks at it. */
export async function picture(page: Page, name: string, { fullPage = false } = {}): Promise<void> {
  if (process.env['PICTURES'] !== '1') return
  await page.waitForTimeout(800)
  await page.screenshot({ path: fileURLToPath(new URL(`../artifacts/${name}.png`, import.meta.url)), fullPage })
}
