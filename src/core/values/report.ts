/** Takes one line for people. */
export type Report = (line: string) => void;
