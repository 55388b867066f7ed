//! The grammar of the page `sql-syntax.md`.

mod definition;
mod expression;

use std::ops::Range;

use super::lexer::{Token, tokens};
use super::statement::{
    Alteration, ColumnName, Constant, ConstantKind, Delete, Insert, Name, Select, Statement, Update,
};
use super::{SqlCause, SqlError};

/// The longest list of columns, tables or values. A table has 255 columns at most, and a query a few tables.
const LONGEST_LIST: usize = 4096;

/// Reads a query.
pub fn parse(query: &str) -> Result<Statement, SqlError> {
    let mut parser = Parser { tokens: tokens(query)?, next: 0, markers: 0, conditions: 0 };
    let statement = parser.statement()?;
    match parser.peek() {
        Token::End => Ok(statement),
        _ => Err(parser.unexpected("the end of the query")),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    next: usize,
    markers: usize,
    conditions: usize,
}

impl Parser {
    fn statement(&mut self) -> Result<Statement, SqlError> {
        if self.accept("SELECT") {
            return self.select().map(Statement::Select);
        }
        if self.accept("INSERT") {
            return self.insert().map(Statement::Insert);
        }
        if self.accept("UPDATE") {
            return self.update().map(Statement::Update);
        }
        if self.accept("DELETE") {
            self.expect("FROM")?;
            return Ok(Statement::Delete(Delete {
                table: self.name("a table")?,
                condition: self.condition()?,
            }));
        }
        if self.accept("CREATE") {
            self.expect("TABLE")?;
            return self.create().map(Statement::Create);
        }
        if self.accept("DROP") {
            self.expect("TABLE")?;
            return self.name("a table").map(Statement::Drop);
        }
        if self.accept("ALTER") {
            self.expect("TABLE")?;
            return self.alter();
        }
        Err(self.unexpected("SELECT, INSERT, UPDATE, DELETE, CREATE, DROP or ALTER"))
    }

    fn select(&mut self) -> Result<Select, SqlError> {
        let distinct = self.accept("DISTINCT");
        let columns =
            if self.accept_sign("*") { None } else { Some(self.list(|it| it.column("a column to select"))?) };
        self.expect("FROM")?;
        let tables = self.list(|parser| parser.name("a table"))?;
        let condition = self.condition()?;
        let mut order = Vec::new();
        if self.accept("ORDER") {
            self.expect("BY")?;
            order = self.list(|it| it.column("a column to order by"))?;
        }
        Ok(Select { distinct, columns, tables, condition, order })
    }

    fn insert(&mut self) -> Result<Insert, SqlError> {
        self.expect("INTO")?;
        let table = self.name("a table")?;
        self.expect_sign("(")?;
        let columns = self.list(|parser| Ok(parser.column("a column to insert into")?.column))?;
        self.expect_sign(")")?;
        self.expect("VALUES")?;
        let start = self.span().start;
        self.expect_sign("(")?;
        let values = self.list(Self::constant)?;
        let end = self.span().end;
        self.expect_sign(")")?;
        Ok(Insert { table, columns, values, values_span: start..end, temporary: self.accept("TEMPORARY") })
    }

    fn update(&mut self) -> Result<Update, SqlError> {
        let tables = self.list(|parser| parser.name("a table"))?;
        self.expect("SET")?;
        let changes = self.list(|parser| {
            let column = parser.column("a column to update")?;
            parser.expect_sign("=")?;
            Ok((column, parser.constant()?))
        })?;
        Ok(Update { tables, changes, condition: self.condition()? })
    }

    fn alter(&mut self) -> Result<Statement, SqlError> {
        let table = self.name("a table")?;
        let alteration = if self.accept("ADD") {
            let definition = self.definition()?;
            Alteration::Add { definition, hold: self.accept("HOLD") }
        } else if self.accept("HOLD") {
            Alteration::Hold
        } else if self.accept("FREE") {
            Alteration::Free
        } else {
            return Err(self.unexpected("ADD, HOLD or FREE"));
        };
        Ok(Statement::Alter { table, alteration })
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, SqlError>) -> Result<Vec<T>, SqlError> {
        let mut items = vec![item(self)?];
        while self.accept_sign(",") {
            if items.len() >= LONGEST_LIST {
                return Err(SqlError::new(SqlCause::TooManyItems { limit: LONGEST_LIST }, self.span()));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A column, after its table and a full stop if there is one; `what` says what it is for.
    fn column(&mut self, what: &'static str) -> Result<ColumnName, SqlError> {
        let first = self.name(what)?;
        if self.accept_sign(".") {
            return Ok(ColumnName { table: Some(first), column: self.name("a column")? });
        }
        Ok(ColumnName { table: None, column: first })
    }

    fn constant(&mut self) -> Result<Constant, SqlError> {
        let span = self.span();
        let kind = match self.peek() {
            Token::Text(text) => ConstantKind::Value(text.as_str().into()),
            Token::Number(number) => ConstantKind::Value((*number).into()),
            Token::Sign("?") => {
                self.markers += 1;
                ConstantKind::Marker(self.markers - 1)
            }
            _ => return Err(self.unexpected("a text, a number or ?")),
        };
        self.next += 1;
        Ok(Constant { kind, span })
    }

    fn name(&mut self, what: &'static str) -> Result<Name, SqlError> {
        let span = self.span();
        let text = match self.peek() {
            Token::Name(name) => name.clone(),
            Token::Word(word) if !is_reserved(word) => word.clone(),
            _ => return Err(self.unexpected(what)),
        };
        self.next += 1;
        Ok(Name { text, span })
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn span(&self) -> Range<usize> {
        self.tokens.get(self.next).or(self.tokens.last()).map(|(_, span)| span.clone()).unwrap_or_default()
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn accept_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, keyword: &'static str) -> Result<(), SqlError> {
        if self.accept(keyword) { Ok(()) } else { Err(self.unexpected(keyword)) }
    }

    fn expect_sign(&mut self, sign: &'static str) -> Result<(), SqlError> {
        if self.accept_sign(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    fn unexpected(&self, expected: &'static str) -> SqlError {
        SqlError::new(SqlCause::Unexpected { expected, found: self.peek().describe() }, self.span())
    }
}

/// Words that are names only between grave accents. The other keywords cannot stand where a name does, so
/// that columns such as `Order` of real packages need no accents unless the grammar would be ambiguous.
fn is_reserved(word: &str) -> bool {
    const RESERVED: [&str; 14] = [
        "SELECT", "DISTINCT", "FROM", "WHERE", "AND", "OR", "IS", "NOT", "NULL", "INTO", "VALUES", "SET",
        "PRIMARY", "BY",
    ];
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}
