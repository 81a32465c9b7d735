import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.codehaus.groovy.control.SourceUnit;
import org.codehaus.groovy.control.messages.Message;
import org.codehaus.groovy.control.messages.SyntaxErrorMessage;
import org.codehaus.groovy.control.messages.WarningMessage;

/** Reads the scripts named as arguments with the parser that Nextflow uses from 25.x on, and lists what it refuses. */
public class StrictSyntax {
    public static void main(String[] paths) {
        var parser = new nextflow.script.control.ScriptParser();
        List<SourceUnit> sources = new ArrayList<>();
        for (String path : paths) {
            sources.add(parser.parse(new File(path)));
        }
        parser.analyze();
        int errors = 0;
        for (SourceUnit source : sources) {
            var collector = source.getErrorCollector();
            if (collector.hasErrors()) {
                for (Message message : collector.getErrors()) {
                    errors++;
                    System.out.println(line(source, message));
                }
            }
            if (collector.hasWarnings()) {
                for (WarningMessage warning : collector.getWarnings()) {
                    boolean paranoid = warning.getClass().getSimpleName().equals("ParanoidWarning");
                    System.out.println(source.getName() + ": " + (paranoid ? "note: " : "warning: ") + warning.getMessage());
                    errors += paranoid ? 0 : 1;
                }
            }
        }
        System.out.println(sources.size() + " scripts, " + errors + " errors and warnings");
        System.exit(errors == 0 ? 0 : 1);
    }

    private static String line(SourceUnit source, Message message) {
        if (message instanceof SyntaxErrorMessage syntax) {
            var cause = syntax.getCause();
            return source.getName() + ":" + cause.getStartLine() + ": " + cause.getOriginalMessage();
        }
        return source.getName() + ": " + message;
    }
}
