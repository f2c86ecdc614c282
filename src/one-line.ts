/** Text from elsewhere on one line, without anything that a terminal would take for a command. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
}
