import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { findTool } from '../kit/tools.ts'

/** Folder of the pictures, with a slash at its end. */
export const artifacts = fileURLToPath(new URL('../artifacts/', import.meta.url))

/** Chromium without a window; the folder of pictures is there when it is. */
export async function openBrowser(): Promise<Browser> {
  await mkdir(artifacts, { recursive: true })
  return await chromium.launch({ executablePath: findTool('chromium')!, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
}

export interface PageWishes extends BrowserContextOptions {
  /** Takes the errors of scripts, and what the console says is wrong. */
  readonly complaints: string[]
  /** Lines of the console that are no complaint: a refusal that a test asks for is one for the browser. */
  readonly expected?: RegExp
}

/** A page of somebody with nothing of anybody else's in the browser; reads English unless told. */
export async function openPage(browser: Browser, { complaints, expected, ...options }: PageWishes): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 820 }, locale: 'en-US', ...options })).newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (line) => {
    if (line.type() === 'error' && !expected?.test(line.text())) complaints.push(line.text())
  })
  return page
}

/** Signs in by the form. `control`: where the pages are. */
export async function signIn(page: Page, control: string, password: string, name = 'admin'): Promise<void> {
  await page.goto(new URL('sign-in', control).href)
  await page.fill('input[name=name]', name)
  await page.fill('input[name=password]', password)
  await page.keyboard.press('Enter')
}
