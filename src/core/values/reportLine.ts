/** Shows one line to the person who runs the program. */
export type ReportLine = (line: string) => void;
