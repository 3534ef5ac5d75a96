import type { Page } from 'playwright-core'

/** Presses Deploy, with “deploy all the same” when the stock editor finds a node faulty itself; gives what control answered. */
export async function pressDeploy(page: Page): Promise<{ status: number; body: any }> {
  const answered = page.waitForResponse((one) => one.url().endsWith('/editor/flows') && one.request().method() === 'POST')
  await page.click('#red-ui-header-button-deploy')
  const confirm = page.locator('#red-ui-deploy-dialog-confirm-deploy-deploy')
  await Promise.race([answered, confirm.waitFor().catch(() => {})])
  if (await confirm.isVisible()) await confirm.click()
  const answer = await answered
  const body: unknown = await answer.json()
  await page.waitForTimeout(500)
  await page.waitForSelector('.red-ui-deploy-button-spinner', { state: 'hidden' }) // until then another click does nothing
  return { status: answer.status(), body }
}
